/**
 * The permissions of the executable, with the reason for each. docs/permissions.md has the same for users; a test compares both with
 * what the program uses.
 *
 * @module
 */

/** Environment variables that it reads; `*` ends a prefix. Reading any other one throws, so a new one must be added here. */
export const ENVIRONMENT: readonly string[] = [
  // Variables that set a flag.
  "FILE_SYSTEM_POLL_WAIT_SECONDS",
  "LOG_LEVEL",
  "OVSERVE_OPENVINO_DIR",
  "OVSERVE_RUNTIME_DIR",
  // Enables traces. Deno's own exporter reads the other variables of OpenTelemetry without a permission.
  "OTEL_DENO",
  // Configuration of SageMaker containers, and of TensorFlow Serving's.
  "SAGEMAKER_*",
  "MODEL_NAME",
  "MODEL_BASE_PATH",
  "CPU_EXTENSION",
  // Where OpenVINO may be installed.
  "CONDA_PREFIX",
  "INTEL_OPENVINO_DIR",
  "VIRTUAL_ENV",
  // Controls whether OpenVINO binds its threads; set unless the user has set it.
  "HWLOC_THISSYSTEM",
  // Folders that the carried libraries may be unpacked into.
  "HOME",
  "LOCALAPPDATA",
  "TMPDIR",
  "XDG_CACHE_HOME",
];

/** Variables that npm packages read and that change nothing here: they appear unset. */
const IGNORED_ENVIRONMENT: readonly string[] = ["CLICOLOR_FORCE", "FORCE_COLOR", "NODE_V8_COVERAGE", "NO_COLOR"];

/** Facts of the system that it reads: the user, to refuse folders of others; the host's name, which pino reads when it loads. */
export const SYSTEM: readonly string[] = ["hostname", "uid"];

/**
 * The flags of `deno compile`. Users choose paths and addresses, so they cannot be listed here; src/cli/serve.ts revokes what a
 * running server no longer needs.
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
