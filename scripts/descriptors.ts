/**
 * Writes `src/grpc/builtin/file_descriptors.json`, from which the server tells clients what it serves: the descriptors of `protos/` as
 * protoc makes them. To be run after a change of `protos/`; a test notices when that was forgotten. Needs the Python packages that
 * `deno task test` installs.
 *
 *     deno run --allow-read --allow-write --allow-run scripts/descriptors.ts
 *
 * @module
 */
import { ENVIRONMENT_PYTHON } from "./python_environment.ts";
import { ROOT, run, runTask, say, TaskError } from "./shell.ts";

const DESCRIPTORS = `${ROOT}src/grpc/builtin/file_descriptors.json`;

/** The files with services; what they import comes with them. */
const SERVICE_FILES = [
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
  "inference/grpc_service.proto",
  "tensorflow_serving/apis/model_service.proto",
  "tensorflow_serving/apis/prediction_service.proto",
];

/** A program for the interpreter: files in, one line of JSON out, path to serialized FileDescriptorProto in base64. */
const PROGRAM = `
import base64, json, pathlib, sys, tempfile
import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
protos, *files = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    target = pathlib.Path(folder, "set")
    own = pathlib.Path(grpc_tools.__file__).with_name("_proto")
    args = ["protoc", f"-I{protos}", f"-I{own}", "--include_imports", f"--descriptor_set_out={target}", *files]
    if protoc.main(args) != 0:
        sys.exit(1)
    described = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file
print(json.dumps({f.name: base64.b64encode(f.SerializeToString(deterministic=True)).decode() for f in described}))
`;

/**
 * Describes the services under `protos/`.
 *
 * @param python an interpreter with grpcio-tools.
 * @returns the text of the file.
 * @throws {TaskError} when protoc refuses the protos.
 */
export async function describeProtos(python: string): Promise<string> {
  const finished = await run(python, ["-c", PROGRAM, `${ROOT}protos`, ...SERVICE_FILES]);
  if (!finished?.success) {
    throw new TaskError(`Cannot describe the protos: ${finished?.output ?? "there is no Python"}`);
  }
  const files = Object.entries(JSON.parse(finished.output)).sort(([a], [b]) => a < b ? -1 : 1);
  return `${JSON.stringify(Object.fromEntries(files), null, 2)}\n`;
}

if (import.meta.main) {
  await runTask(async () => {
    await Deno.writeTextFile(DESCRIPTORS, await describeProtos(ENVIRONMENT_PYTHON));
    say("Wrote src/grpc/builtin/file_descriptors.json");
  });
}
