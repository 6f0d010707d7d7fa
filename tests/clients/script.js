// What a script is given by its test, and how it says what it saw: one line of JSON at a time.

import { createInterface } from 'node:readline';

export const given = JSON.parse(process.argv[2]);

export function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** What the test says while the script runs. The script ends with its test, whatever becomes of that. */
export async function* heard() {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line);
  process.exit();
}

/** One of them after the other, and again from the first. */
export function turns(values) {
  let turn = 0;
  return () => values[turn++ % values.length];
}

export const FILE_EVENTS = `
  subscription FileEvents($after: String) { fileEvents(after: $after) { cursor type name } }
`;
