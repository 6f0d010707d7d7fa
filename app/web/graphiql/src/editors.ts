import { useGraphiQL, useGraphiQLActions, type MonacoEditor } from "@graphiql/react";
import { useCallback, useEffect, useRef } from "react";

/** Opens a tab of GraphiQL with this operation and these variables. */
export function useOpenTab(): (query: string, variables: string) => void {
  const { addTab } = useGraphiQLActions();
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  return useCallback(
    (newQuery, newVariables) => {
      addTab();
      query?.setValue(newQuery);
      variables?.setValue(newVariables);
      query?.focus();
    },
    [addTab, query, variables],
  );
}

/**
 * Writes an id where the cursor was put, in the operation or in the variables. While it has been put nowhere, the id
 * becomes the variable `id`, which the examples that act on something ask for.
 */
export function useInsertId(): (id: string) => void {
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const last = useRef<MonacoEditor>(undefined);
  useEffect(() => {
    const watched = [query, variables].flatMap((editor) =>
      editor === undefined ? [] : [editor.onDidFocusEditorText(() => (last.current = editor))],
    );
    return () => watched.forEach((watch) => watch.dispose());
  }, [query, variables]);
  return useCallback(
    (id) => {
      const range = last.current?.getSelection();
      if (last.current && range && !(range.startLineNumber === 1 && range.startColumn === 1)) {
        last.current.executeEdits("files", [{ range, text: JSON.stringify(id), forceMoveMarkers: true }]);
        last.current.focus();
      } else {
        variables?.setValue(withVariable(variables.getValue(), id));
      }
    },
    [variables],
  );
}

function withVariable(text: string, id: string): string {
  let given: object = {};
  try {
    given = JSON.parse(text || "{}") as object;
  } catch {
    // What is no JSON cannot be run either.
  }
  return JSON.stringify({ ...given, id }, null, 2);
}
