import { useSyncExternalStore } from "react";
import type { Answer } from "./fetcher";
import { upload as send, type Destination, type Transfer, type Uploaded } from "./upload";

/** One file and how far it is. */
export interface Upload {
  readonly key: number;
  readonly name: string;
  /** Bytes of the file, and how many of them have left. */
  readonly size: number;
  readonly sent: number;
  readonly state: "waiting" | "sending" | "done" | "failed";
  readonly id: string | null;
  readonly url: string | null;
  /** What the server said, or why it said nothing. */
  readonly answer: string;
}

interface Job {
  readonly key: number;
  readonly file: File;
  readonly destination: Destination;
}

// Outside of the components: uploads go on while the panel is closed.
const jobs: Job[] = [];
const listeners = new Set<() => void>();
let uploads: readonly Upload[] = [];
let running: { readonly key: number; readonly transfer: Transfer } | null = null;
let count = 0;

/** All uploads of this tab, the newest first, and what can be done with them. */
export function useUploads() {
  return { uploads: useSyncExternalStore(subscribe, () => uploads), add, cancel };
}

function add(files: Iterable<File>, destination: Destination): void {
  for (const file of files) {
    const key = (count += 1);
    jobs.push({ key, file, destination });
    const { name, size } = file;
    show([{ key, name, size, sent: 0, state: "waiting", id: null, url: null, answer: "" }, ...uploads]);
  }
  void work();
}

function cancel({ key }: Upload): void {
  if (running?.key === key) running.transfer.abort();
  const waiting = jobs.findIndex((job) => job.key === key);
  if (waiting >= 0) {
    jobs.splice(waiting, 1);
    update(key, { state: "failed", answer: "Given up." });
  }
}

/** Send what waits, one file at a time. */
async function work(): Promise<void> {
  if (running !== null) return;
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { key, file, destination } = job;
    const transfer = send(file, destination, (sent) => update(key, { sent }));
    running = { key, transfer };
    update(key, { state: "sending" });
    try {
      update(key, outcome(await transfer.answer));
    } catch (error) {
      update(key, { state: "failed", answer: error instanceof Error ? error.message : String(error) });
    }
  }
  running = null;
}

function outcome(answer: Answer<Uploaded>): Partial<Upload> {
  const file = answer.data?.uploadFile?.file;
  return {
    state: file ? "done" : "failed",
    id: file?.id ?? null,
    url: file?.signedUrl?.url ?? null,
    answer: JSON.stringify(answer, null, 2),
  };
}

function update(key: number, change: Partial<Upload>): void {
  show(uploads.map((upload) => (upload.key === key ? { ...upload, ...change } : upload)));
}

function show(next: readonly Upload[]): void {
  uploads = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
