import { useLocalStorage } from "@mantine/hooks";
import { listOfMember, membersOf, textOfMember } from "./members.ts";

/** What a list was narrowed to, under a name. */
export interface SavedView {
  readonly name: string;
  /** As it is in the address of the page. */
  readonly view: object;
}

/** Somebody else may have written there: what is no view is passed over. */
function parse(text: string | undefined): SavedView[] {
  let kept: unknown;
  try {
    kept = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  return listOfMember(kept).flatMap(item => {
    const { name, view } = membersOf(item);
    const known = textOfMember(name);
    return known === undefined || known === "" ? [] : [{ name: known, view: { ...membersOf(view) } }];
  });
}

/** Of one user and one list, in this browser; other tabs follow. */
export function useSavedViews(userId: string, list: string) {
  const [views, setViews] = useLocalStorage<SavedView[]>({
    key: `upchirp.views.${userId}.${list}`,
    defaultValue: [],
    deserialize: parse,
    getInitialValueInEffect: false,
  });
  return [views, (next: readonly SavedView[]) => setViews([...next])] as const;
}
