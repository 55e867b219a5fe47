/**
 * The command line of TensorFlow Serving's image: its entrypoint makes flags of two variables
 * (tensorflow_serving/tools/docker/Dockerfile).
 *
 * @module
 */

/** First word of TensorFlow Serving's command lines. */
const TENSORFLOW_MODEL_SERVER = "tensorflow_model_server";

/** The variables' defaults in the image. */
const MODEL_NAME = "model";
const MODEL_BASE_PATH = "/models";

/**
 * Puts the flags of the entrypoint in front of those given, as it does: of a flag that is given twice the last one counts.
 *
 * @param args without the program's name. Only arguments that are all flags, as tensorflow_model_server takes them, are changed.
 * @param env reads an environment variable.
 */
export function containerArguments(
  args: readonly string[],
  env: (name: string) => string | undefined = Deno.env.get,
): readonly string[] {
  const isNamed = args[0] === TENSORFLOW_MODEL_SERVER;
  const flags = isNamed ? args.slice(1) : args;
  const [first] = flags;
  if (first !== undefined && !first.startsWith("-")) return args;
  // A command line with its program's name is somebody's own, which the entrypoint has no part in.
  const [name, basePath] = [env("MODEL_NAME"), env("MODEL_BASE_PATH")];
  if (isNamed || (!name && !basePath)) return flags;
  const folder = `${basePath || MODEL_BASE_PATH}/${name || MODEL_NAME}`;
  return [
    "--port=8500",
    "--rest_api_port=8501",
    `--model_name=${name || MODEL_NAME}`,
    `--model_base_path=${folder}`,
    ...flags,
  ];
}
