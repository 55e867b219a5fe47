/**
 * Gives lookup tables their content as constants: the runtime knows a table by the import it finds beside it.
 *
 * @module
 */
import { elementCount, type Tensor } from "../../../base/tensor.ts";
import { typeAttribute } from "../graph/attributes.ts";
import { dataTypeOf } from "../graph/data_types.ts";
import { TABLES } from "../tables.ts";
import type { GraphNode } from "../graph/graph_def.ts";
import type { LiveGraph } from "../graph/live_graph.ts";
import type { PassContext } from "./pass.ts";

/** Puts an import of constants beside each table; {@link tableImports} finds it. */
export function fillTables(live: LiveGraph, nodes: readonly GraphNode[], { readTable }: PassContext): void {
  for (const node of nodes) {
    if (!TABLES.has(node.op)) continue;
    const { keys, values } = readTable(node);
    const keysRef = live.putConst(`${node.name}/import_keys`, flat(keys));
    const valuesRef = live.putConst(`${node.name}/import_values`, flat(values));
    live.put({ ...node, op: "HashTableV2" });
    live.putOp(tableImport(node.name), "LookupTableImportV2", [node.name, keysRef, valuesRef], {
      Tin: typeAttribute(dataTypeOf(keys.dtype)),
      Tout: typeAttribute(dataTypeOf(values.dtype)),
    });
  }
}

/** The name of the node that fills a table. */
export function tableImport(table: string): string {
  return `${table}/import`;
}

function flat(tensor: Tensor): Tensor {
  return { ...tensor, shape: [elementCount(tensor.shape)] };
}
