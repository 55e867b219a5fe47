import { Command } from "commander";
import assert from "node:assert/strict";
import { addServerFlags, serverConfig } from "../commands/server.ts";
import { addForeignFlags, judgeForeignFlags } from "./foreign_flags.ts";

/** Every flag of tensorflow_model_server (model_servers/main.cc) that needs no file, with a value other than its default. */
const TENSORFLOW_FLAGS = [
  ..."--port=1 --rest_api_port=2 --rest_api_num_threads=4 --rest_api_timeout_in_ms=5000 --grpc_max_threads=8".split(
    " ",
  ),
  ..."--grpc_socket_path=/tmp/s --rest_api_enable_cors_support --enable_batching --num_load_threads=2".split(" "),
  ..."--allow_version_labels_for_unavailable_models --enable_per_model_batching_parameters".split(" "),
  ..."--num_unload_threads=2 --max_num_load_retries=1 --load_retry_interval_micros=1".split(" "),
  ..."--model_name=m --model_base_path=/m --file_system_poll_wait_seconds=2 --flush_filesystem_caches=false".split(" "),
  ..."--tensorflow_session_parallelism=2 --tensorflow_intra_op_parallelism=3".split(" "),
  ..."--tensorflow_inter_op_parallelism=4 --tensorflow_session_config_file=s.pbtxt --use_alts_credentials".split(" "),
  ..."--platform_config_file=p.pbtxt --per_process_gpu_memory_fraction=0.5 --saved_model_tags=serve,gpu".split(" "),
  ..."--grpc_channel_arguments=grpc.max_concurrent_streams=5,grpc.so_reuseaddr=1 --enable_model_warmup=false".split(
    " ",
  ),
  ..."--num_request_iterations_for_warmup=2 --remove_unused_fields_from_bundle_metagraph=false".split(" "),
  ..."--prefer_tflite_model --num_tflite_pools=2 --num_tflite_interpreters_per_pool=2".split(" "),
  ..."--enable_signature_method_name_check --xla_cpu_compilation_enabled --xla_gpu_compilation_enabled".split(" "),
  ..."--enable_profiler=false --thread_pool_factory_config_file=t.pbtxt --mixed_precision=bfloat16".split(" "),
  ..."--skip_initialize_tpu --enable_grpc_healthcheck_service --enable_serialization_as_tensor_content".split(" "),
];

Deno.test("no flag of tensorflow_model_server ends the start, and those that mean something here act", () => {
  const command = new Command("ovserve").exitOverride().configureOutput({ writeErr: () => {} });
  addServerFlags(command);
  addForeignFlags(command);
  command.parse(TENSORFLOW_FLAGS, { from: "user" });
  const texts = command.opts();
  const notes = judgeForeignFlags(texts);
  const { grpc, loading } = serverConfig(texts);
  assert.equal(grpc.streamsMax, 5);
  assert.deepEqual(loading.savedModelTags, ["serve", "gpu"]);
  assert.deepEqual([loading.sessionThreads, loading.intraOpThreads, loading.interOpStreams], [2, 3, 4]);
  assert.deepEqual([loading.replaysWarmUp, loading.warmUpIterations], [false, 2]);
  const noted = notes.map((note) => note.split(" ")[0]);
  assert.equal(new Set(noted).size, notes.length);
  for (const name of ["session_config_file", "platform_config_file", "thread_pool_factory_config_file"]) {
    assert.equal(notes.filter((note) => note.includes(name)).length, 1, name);
  }
});

Deno.test("serverConfig() says what to do about a base path in a storage service", () => {
  assert.throws(() => serverConfig({ "model_base_path": "gs://bucket/m" }), {
    name: "UsageError",
    message: "--model_base_path: expected a folder, found gs://bucket/m: mount the storage and name the mounted folder",
  });
});
