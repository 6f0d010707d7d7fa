import { useEffect, useState } from "react";
import { ask } from "./fetcher";

/** Something that files can belong to. */
export interface Place {
  readonly id: string;
  readonly name: string;
}

/** What the Files panel offers. */
export interface Places {
  readonly groups: readonly Place[];
  readonly assignments: readonly Place[];
}

interface Nodes<T> {
  readonly nodes: readonly T[];
}

interface Answer {
  readonly me: {
    readonly memberships: readonly { readonly group: Place }[];
    readonly classes: Nodes<{ readonly name: string; readonly assignments: Nodes<{ id: string; title: string }> }>;
  };
  readonly groups: Nodes<Place & { readonly children: Nodes<Place> }>;
}

const QUERY = `{
  me {
    memberships { group { id name } }
    classes(first: 10) { nodes { name assignments(first: 10) { nodes { id title } } } }
  }
  groups(first: 10) { nodes { id name children(first: 20) { nodes { id name } } } }
}`;

const NOWHERE: Places = { groups: [], assignments: [] };

/** The groups and assignments that are nearest to whoever is signed in. Others can be entered by their id. */
export function usePlaces(token: string | null): Places {
  const [places, setPlaces] = useState(NOWHERE);
  useEffect(() => {
    let current = true;
    setPlaces(NOWHERE);
    if (token !== null) {
      ask<Answer>(QUERY).then(
        (answer) => current && setPlaces(placesIn(answer)),
        () => undefined, // then nothing is offered
      );
    }
    return () => {
      current = false;
    };
  }, [token]);
  return places;
}

function placesIn({ me, groups }: Answer): Places {
  const own = me.memberships.map(({ group }) => group);
  const all = [...own, ...groups.nodes.flatMap((root) => [root, ...root.children.nodes])];
  return {
    groups: [...new Map(all.map(({ id, name }) => [id, { id, name }])).values()],
    assignments: me.classes.nodes.flatMap(({ name, assignments }) =>
      assignments.nodes.map(({ id, title }) => ({ id, name: `${title} (${name})` })),
    ),
  };
}
