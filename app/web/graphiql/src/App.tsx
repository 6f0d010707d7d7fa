import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { Account } from "./Account";
import { EXAMPLES } from "./examples";
import { EXAMPLES_PLUGIN } from "./ExamplesPanel";
import { FILES_PLUGIN } from "./FilesPanel";
import { fetcher } from "./fetcher";

const PLUGINS = [FILES_PLUGIN, EXAMPLES_PLUGIN, HISTORY_PLUGIN];

/** GraphiQL with who is signed in at the top, and panels for files and examples at the side. */
export function App() {
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={PLUGINS}
      defaultQuery={EXAMPLES[0]?.query ?? ""}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={false} // they may hold a token, and what is kept here outlives the tab
    >
      <GraphiQL.Logo>
        <Account />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}
