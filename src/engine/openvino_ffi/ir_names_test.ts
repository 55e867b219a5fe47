import assert from "node:assert/strict";
import { readIrNames } from "./ir_names.ts";

Deno.test("readIrNames() finds the names of inputs, and those of outputs at their source nodes", async () => {
  const { inputs, outputs } = await readIrNames(`<?xml version="1.0"?>
    <net name="m" version="11"><layers>
      <layer id="0" name="in" type="Parameter" version="opset1">
        <data shape="?" element_type="f32" />
        <output><port id="0" precision="FP32" names="x,x:0"><dim>-1</dim></port></output>
      </layer>
      <layer id="7" name="relu" type="ReLU" version="opset1">
        <input><port id="0" /></input><output><port id="1" names='y'/></output>
      </layer>
      <layer id="9" name="out" type="Result" version="opset1"><input><port id="0" /></input></layer>
    </layers><edges>
      <edge from-layer="0" from-port="0" to-layer="7" to-port="0" />
      <edge from-layer="7" from-port="1" to-layer="9" to-port="0" />
    </edges></net>`);
  assert.deepEqual(inputs, [{ nodeName: "in", tensorNames: ["x", "x:0"] }]);
  assert.deepEqual(outputs, [{ nodeName: "out", tensorNames: ["y"] }]);
});

Deno.test("readIrNames() prefers an output's own names", async () => {
  const { outputs } = await readIrNames(`<net><layers>
    <layer id="1" name="a" type="ReLU"><output><port id="0" names="p,q"/></output></layer>
    <layer id="2" name="b" type="Result" output_names="q"/>
    </layers><edges><edge from-layer="1" from-port="0" to-layer="2" to-port="0"/></edges></net>`);
  assert.deepEqual(outputs, [{ nodeName: "b", tensorNames: ["q"] }]);
});

Deno.test("readIrNames() skips the models inside loops and conditions", async () => {
  const { inputs, outputs } = await readIrNames(`<net><layers>
    <layer id="0" name="outer" type="Parameter"><output><port id="0" names="x"/></output></layer>
    <layer id="1" name="loop" type="Loop"><output><port id="3" names="y"/></output><body><layers>
      <layer id="0" name="inner" type="Parameter"><output><port id="0" names="inner_x"/></output></layer>
      <layer id="2" name="inner_result" type="Result"/>
    </layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/></edges></body></layer>
    <layer id="2" name="result" type="Result"/>
    </layers><edges><edge from-layer="1" from-port="3" to-layer="2" to-port="0"/></edges></net>`);
  assert.deepEqual(inputs, [{ nodeName: "outer", tensorNames: ["x"] }]);
  assert.deepEqual(outputs, [{ nodeName: "result", tensorNames: ["y"] }]);
});

Deno.test("readIrNames() decodes entities, commas in names and angle brackets in attributes", async () => {
  const { inputs } = await readIrNames(`<net><layers><layer id="0" name="a &lt; &#65;&#x42;" type="Parameter">
    <data note="x > y" /><output><port id="0" names="one\\,two,&quot;three&quot;"/></output></layer></layers></net>`);
  assert.deepEqual(inputs, [{ nodeName: "a < AB", tensorNames: ["one,two", '"three"'] }]);
});

Deno.test("readIrNames() finds nothing in a text that is not a model", async () => {
  for (const text of ["", "no xml", "<layers", "<html><layer id='0'/></html>"]) {
    assert.deepEqual(await readIrNames(text), { inputs: [], outputs: [] });
  }
});

Deno.test("readIrNames() yields to the event loop while it reads a large file", async () => {
  const layer = (id: number) =>
    `<layer id="${id}" name="n" type="ReLU"><output><port id="0" names="y${id}"/></output></layer>`;
  const xml = `<net><layers>${Array.from({ length: 100_000 }, (_, id) => layer(id)).join("")}
    <layer id="100000" name="out" type="Result"/></layers><edges>
    <edge from-layer="99999" from-port="0" to-layer="100000" to-port="0"/></edges></net>`;
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { outputs } = await readIrNames(xml);
  clearInterval(timer);
  assert.deepEqual(outputs, [{ nodeName: "out", tensorNames: ["y99999"] }]);
  assert(turns >= 2, `${turns} turns`);
});
