// A server of its own for a test file, on a free port of localhost, without credentials.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), "rivulet-node-"));
  const binary = process.env.RIVULET_BINARY ?? join(root, "build", "rivulet");
  const portFile = join(folder, "port");
  const log = openSync(join(folder, "log"), "w");
  const server = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data", join(folder, "data"), "--port-file", portFile], {
    stdio: ["ignore", log, log],
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const deadline = Date.now() + 60_000;
  while (!existsSync(portFile) || readFileSync(portFile, "utf8").trim() === "") {
    if (server.exitCode !== null || Date.now() > deadline) {
      throw new Error("the server did not start: " + readFileSync(join(folder, "log"), "utf8").slice(-2000));
    }
    await sleep(50);
  }
  return {
    url: "http://127.0.0.1:" + readFileSync(portFile, "utf8").trim(),
    async stop() {
      server.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
