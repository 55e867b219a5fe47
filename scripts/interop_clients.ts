/**
 * Builds the clients of tests/transport/interop into `.ovserve/tools`, each with its own language's tools. What cannot be built is said,
 * and the tests that need it are skipped.
 *
 * @module
 */
import { exists, type Finished, INSTALLED, ROOT, run, say } from "./shell.ts";
import { installPackages, sayMissing } from "./tools.ts";

const SOURCES = `${ROOT}tests/transport/interop`;
const TOOLS = `${INSTALLED}/tools`;

/** Packages of npm with their exact versions, those of deno.json. */
const NODE_PACKAGES = ["@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1"];

const CPP_PACKAGES = ["g++", "libgrpc++-dev", "protobuf-compiler", "protobuf-compiler-grpc"];

/** A client, where its build goes and how it is made. */
interface Build {
  readonly client: string;
  /** What is there, and newer than the sources, once the build has succeeded. */
  readonly output: string;
  readonly sources: readonly string[];
  readonly steps: readonly Step[];
  /** Packages of the system that are installed when a step's program or headers are missing. */
  readonly packages?: readonly string[];
}

interface Step {
  readonly program: string;
  readonly args: readonly string[];
}

const BUILDS: readonly Build[] = [
  {
    client: "grpc-go",
    output: `${TOOLS}/interop-go`,
    sources: ["go/main.go", "go/go.mod", "go/go.sum"],
    steps: [{
      program: "go",
      args: ["build", "-C", `${SOURCES}/go`, "-trimpath", "-ldflags=-s -w", "-o", `${TOOLS}/interop-go`, "."],
    }],
  },
  {
    client: "grpc-java",
    output: `${TOOLS}/interop-java/Client.class`,
    sources: ["java/Client.java", "java/pom.xml"],
    steps: [
      {
        program: "mvn",
        args: [
          ...["--quiet", "--batch-mode", "--file", `${SOURCES}/java/pom.xml`, "dependency:copy-dependencies"],
          `-DoutputDirectory=${TOOLS}/interop-java/lib`,
        ],
      },
      {
        program: "javac",
        args: [
          ...["-encoding", "UTF-8", "-cp", `${TOOLS}/interop-java/lib/*`, "-d", `${TOOLS}/interop-java`],
          `${SOURCES}/java/Client.java`,
        ],
      },
    ],
  },
  {
    client: "grpc-js on Node",
    output: `${TOOLS}/interop-node/package-lock.json`,
    sources: [],
    steps: [{
      program: "npm",
      args: ["install", "--silent", "--no-audit", "--no-fund", "--prefix", `${TOOLS}/interop-node`, ...NODE_PACKAGES],
    }],
  },
  {
    client: "grpc++",
    output: `${TOOLS}/interop-cpp/client`,
    sources: ["cpp/client.cc", "interop.proto"],
    packages: CPP_PACKAGES,
    steps: [
      {
        program: "sh",
        args: [
          "-c",
          'protoc -I "$1" --cpp_out="$2" --grpc_out="$2" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" interop.proto',
          ...["sh", SOURCES, `${TOOLS}/interop-cpp`],
        ],
      },
      {
        program: "g++",
        args: [
          ...["-std=c++17", "-O1", "-I", `${TOOLS}/interop-cpp`, `${SOURCES}/cpp/client.cc`],
          ...["interop.pb.cc", "interop.grpc.pb.cc"].map((name) => `${TOOLS}/interop-cpp/${name}`),
          // Which of abseil's libraries the stubs need differs between versions of grpc++, which knows them.
          ...["-o", `${TOOLS}/interop-cpp/client`, "-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lprotobuf"],
        ],
      },
    ],
  },
];

/** Builds what is missing or older than its sources. Never throws for what cannot be built. */
export async function installInteropClients(): Promise<void> {
  for (const folder of ["interop-java", "interop-node", "interop-cpp"]) {
    await Deno.mkdir(`${TOOLS}/${folder}`, { recursive: true });
  }
  for (const build of BUILDS) {
    if (await isFresh(build)) continue;
    say(`Building the ${build.client} client of tests/transport/interop`);
    let finished = await runSteps(build.steps);
    if (!finished.success && build.packages !== undefined) {
      finished = await installPackages(build.packages);
      if (finished.success) finished = await runSteps(build.steps);
    }
    if (!finished.success) sayMissing(`the ${build.client} client`, finished.output);
  }
}

async function isFresh({ output, sources }: Build): Promise<boolean> {
  if (!await exists(output)) return false;
  const built = (await Deno.stat(output)).mtime?.getTime() ?? 0;
  const times = await Promise.all(sources.map(async (path) => (await Deno.stat(`${SOURCES}/${path}`)).mtime));
  return times.every((time) => (time?.getTime() ?? Infinity) <= built);
}

async function runSteps(steps: readonly Step[]): Promise<Finished> {
  for (const { program, args } of steps) {
    const finished = await run(program, args) ?? { success: false, output: `there is no ${program}` };
    if (!finished.success) return finished;
  }
  return { success: true, output: "" };
}
