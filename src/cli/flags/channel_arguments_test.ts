import assert from "node:assert/strict";
import { readServerFlags } from "./server_flags.ts";
import { readChannelArguments } from "./channel_arguments.ts";

function read(text: string): ReturnType<typeof readChannelArguments> {
  return readChannelArguments({ "grpc_channel_arguments": text });
}

Deno.test("readChannelArguments() translates gRPC's limits and notes the rest", () => {
  const text = "grpc.max_concurrent_streams=100,grpc.keepalive_time_ms=1500,grpc.max_connection_idle_ms=2147483647";
  assert.deepEqual(read(`${text},grpc.so_reuseaddr=1`), {
    defaults: {
      "grpc_max_concurrent_streams": "100",
      "grpc_keepalive_time_seconds": "1.5",
      "grpc_max_connection_idle_seconds": "0",
    },
    notes: ["--grpc_channel_arguments: grpc.so_reuseaddr is ignored: it changes nothing here"],
  });
  assert.deepEqual(read(""), { defaults: {}, notes: [] });
  assert.equal(read("grpc.max_receive_message_length=-1").defaults["grpc_max_message_bytes"], "2147483647");
});

Deno.test("readChannelArguments() takes the last of an argument that is given twice", () => {
  const { defaults } = read("grpc.max_concurrent_streams=1,grpc.max_concurrent_streams=2");
  assert.deepEqual(defaults, { "grpc_max_concurrent_streams": "2" });
});

Deno.test("readChannelArguments() refuses what is no list of numbers", () => {
  assert.throws(() => read("100"), {
    message: '--grpc_channel_arguments: expected name=value, separated by commas, found "100"',
  });
  assert.throws(() => read("grpc.max_concurrent_streams=many"), {
    message: '--grpc_channel_arguments: expected a whole number for grpc.max_concurrent_streams, found "many"',
  });
});

Deno.test("readServerFlags() prefers a flag to the channel argument of the same meaning", () => {
  const texts = { "grpc_channel_arguments": "grpc.max_concurrent_streams=7,grpc.keepalive_timeout_ms=500" };
  const { grpc } = readServerFlags(texts);
  assert.deepEqual([grpc.streamsMax, grpc.keepaliveTimeoutMs], [7, 500]);
  assert.equal(readServerFlags({ ...texts, "grpc_max_concurrent_streams": "9" }).grpc.streamsMax, 9);
});
