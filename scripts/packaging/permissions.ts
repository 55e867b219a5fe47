/**
 * What the executable may do, with the reason for each. docs/permissions.md says the same for its users; a test compares both
 * with what the program asks for.
 *
 * @module
 */

/** Environment variables it reads. Any other is an error when it is read, so a new one must be named here; `*` ends a prefix. */
export const ENVIRONMENT: readonly string[] = [
  // Flags that a variable may stand in for.
  "FILE_SYSTEM_POLL_WAIT_SECONDS",
  "LOG_LEVEL",
  "OVSERVE_OPENVINO_DIR",
  "OVSERVE_RUNTIME_DIR",
  // Whether traces are wanted. The exporter, which is Deno's own, reads the other variables of OpenTelemetry by itself.
  "OTEL_DENO",
  // What SageMaker tells a container.
  "SAGEMAKER_*",
  // Where OpenVINO may be installed.
  "CONDA_PREFIX",
  "INTEL_OPENVINO_DIR",
  "VIRTUAL_ENV",
  // Whether OpenVINO's threads are bound; set unless the user has set it.
  "HWLOC_THISSYSTEM",
  // Where its own libraries are unpacked to.
  "HOME",
  "LOCALAPPDATA",
  "TMPDIR",
  "XDG_CACHE_HOME",
];

/** Variables that npm packages look at and that change nothing here: they read as not set. */
const IGNORED_ENVIRONMENT: readonly string[] = ["CLICOLOR_FORCE", "FORCE_COLOR", "NODE_V8_COVERAGE", "NO_COLOR"];

/** Facts of the system it asks for: the user, to refuse folders of others; the host's name, which pino asks for as it loads. */
export const SYSTEM: readonly string[] = ["hostname", "uid"];

/**
 * The flags of `deno compile`. Paths and addresses are the user's choice, so they cannot be named here; src/cli/serve.ts gives
 * back what a server that is up no longer needs.
 */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-ffi",
  `--allow-env=${ENVIRONMENT.join(",")}`,
  `--ignore-env=${IGNORED_ENVIRONMENT.join(",")}`,
  `--allow-sys=${SYSTEM.join(",")}`,
];
