import { Button, Menu, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBookmark, IconBookmarkPlus, IconTrash } from "@tabler/icons-react";
import { type FormEvent, useRef, useState } from "react";
import { membersOf } from "../api/members.ts";
import { type SavedView, useSavedViews } from "../api/saved-views.ts";
import { useMe } from "../api/session.ts";
import { Dialog } from "./dialog.tsx";
import { FormActions } from "./form.tsx";

export interface SavedViewsProps<View extends object> {
  /** Name of the list: `devices`. */
  readonly of: string;
  /** As it is shown now. */
  readonly view: View;
  /** Reads one that was kept; what it does not know is left out. */
  readonly parse: (kept: Record<string, unknown>) => View;
  readonly onChoose: (view: View) => void;
}

/** Whatever order its members are in. */
const textOf = (view: object): string =>
  JSON.stringify(Object.entries(view).sort(([one], [other]) => one.localeCompare(other)));

/** Filters of a list under names of one's own, kept in this browser. */
export function SavedViews<View extends object>({ of, view, parse, onChoose }: SavedViewsProps<View>) {
  const [saved, keep] = useSavedViews(useMe().id, of);
  const [isNaming, { open, close }] = useDisclosure(false);
  const opener = useRef<HTMLButtonElement>(null);
  const views = saved.map(({ name, view: kept }) => ({ name, view: parse({ ...membersOf(kept) }) }));
  const current = views.find(one => textOf(one.view) === textOf(view));
  const isNarrowed = Object.keys(view).length > 0;
  if (views.length === 0 && !isNarrowed) return null;
  return (
    <>
      <Menu position="bottom-end" width={260}>
        <Menu.Target>
          <Button ref={opener} variant="default" leftSection={<IconBookmark size={16} />} maw={240}>
            {current?.name ?? "Saved filters"}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.map(({ name, view: kept }) => (
            <Menu.Item key={name} onClick={() => onChoose(kept)} style={{ overflowWrap: "anywhere" }}>
              {name}
            </Menu.Item>
          ))}
          {views.length > 0 && <Menu.Divider />}
          {current === undefined ? (
            <Menu.Item leftSection={<IconBookmarkPlus size={16} />} disabled={!isNarrowed} onClick={open}>
              Save this filter
            </Menu.Item>
          ) : (
            <Menu.Item
              leftSection={<IconTrash size={16} />}
              onClick={() => keep(saved.filter(({ name }) => name !== current.name))}
            >
              Forget {current.name}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Dialog
        opened={isNaming}
        onClose={close}
        title="Save this filter"
        // The item of the menu that opened it is gone.
        onExitTransitionEnd={() => opener.current?.focus()}
      >
        <NameForm
          onEnd={close}
          onName={name => keep([...saved.filter(known => known.name !== name), { name, view }])}
          known={saved}
        />
      </Dialog>
    </>
  );
}

interface NameFormProps {
  readonly known: readonly SavedView[];
  readonly onName: (name: string) => void;
  readonly onEnd: () => void;
}

function NameForm({ known, onName, onEnd }: NameFormProps) {
  const [name, setName] = useState("");
  const isKnown = known.some(one => one.name === name.trim());
  const save = (event: FormEvent): void => {
    event.preventDefault();
    onName(name.trim());
    onEnd();
  };
  return (
    <form onSubmit={save}>
      <Stack>
        <TextInput
          label="Name"
          data-autofocus
          maxLength={60}
          value={name}
          onChange={event => setName(event.currentTarget.value)}
        />
        <Text size="sm" c="dimmed">
          {isKnown ? "It takes the place of the one that has this name." : "It is kept in this browser, for you alone."}
        </Text>
        <FormActions submit="Save" isPending={false} isDisabled={name.trim() === ""} onCancel={onEnd} />
      </Stack>
    </form>
  );
}
