/** An operation to start from. */
export interface Example {
  readonly title: string;
  readonly about: string;
  readonly query: string;
  /** JSON for the variables editor, or nothing. */
  readonly variables: string;
}

const SOURCES = import.meta.glob<string>("./examples/*.graphql", { query: "?raw", import: "default", eager: true });

/** All of src/examples, in the order of the files' names. */
export const EXAMPLES: readonly Example[] = Object.keys(SOURCES)
  .sort()
  .map((name) => exampleIn(SOURCES[name] ?? ""));

/** A file's first line is the title, further comments say what it is for, or give the variables. */
function exampleIn(text: string): Example {
  const lines = text.trimEnd().split("\n");
  const start = lines.findIndex((line) => !line.startsWith("#"));
  const [title = "", ...rest] = lines.slice(0, start).map((line) => line.slice(1).trim());
  const given = rest.find((line) => line.startsWith("{")) ?? "";
  return {
    title,
    about: rest.filter((line) => line !== given).join(" "),
    query: `# ${title}\n${lines.slice(start).join("\n")}\n`,
    variables: given && JSON.stringify(JSON.parse(given), null, 2),
  };
}
