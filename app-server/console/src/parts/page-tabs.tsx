import { Tabs } from "@mantine/core";
import { useEffect, useRef } from "react";
import classes from "./page-tabs.module.css";

export interface TabRowProps {
  /** Which is open. */
  readonly active: string;
  /** Name in the address, and what people read. */
  readonly tabs: readonly (readonly [name: string, label: string])[];
}

/** The parts of a page, in one line that is moved sideways where the screen is too narrow for it. */
export function TabRow({ active, tabs }: TabRowProps) {
  const row = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: which one is open is read from the page.
  useEffect(() => {
    const list = row.current;
    const tab = list?.querySelector<HTMLElement>('[aria-selected="true"]');
    if (list && tab) list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.clientWidth) / 2;
  }, [active]);
  return (
    <Tabs.List mb="md" ref={row} className={classes.row ?? ""}>
      {tabs.map(([name, label]) => (
        <Tabs.Tab key={name} value={name}>
          {label}
        </Tabs.Tab>
      ))}
    </Tabs.List>
  );
}
