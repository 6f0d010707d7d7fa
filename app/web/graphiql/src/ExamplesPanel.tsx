import { Button, StarIcon, type GraphiQLPlugin } from "@graphiql/react";
import { useOpenTab } from "./editors";
import { EXAMPLES } from "./examples";

/** Operations for what administrators do most. Each opens in a tab of its own. */
function Examples() {
  const openTab = useOpenTab();
  return (
    <section className="satchel-panel" aria-label="Examples">
      <h2>Examples</h2>
      <p>Each opens in a tab of its own, to be changed and run.</p>
      <ul className="satchel-examples">
        {EXAMPLES.map(({ title, about, query, variables }) => (
          <li key={title}>
            <Button type="button" onClick={() => openTab(query, variables)}>
              {title}
            </Button>
            <p>{about}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: () => <StarIcon />, content: Examples };
