import { Box, Button, Checkbox, Group, Loader, Table, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue, useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconFilter, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ProblemNote } from "./problem.tsx";

/** One page of a list of the API. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

export interface ListRequest<Sort extends string> {
  readonly limit: number;
  readonly after?: string;
  readonly search?: string;
  readonly sort: Sort;
}

export interface Column<Item> {
  readonly title: string;
  readonly render: (item: Item) => ReactNode;
  /** The list can be ordered by it. */
  readonly sortsBy?: string;
  readonly width?: number | string;
  readonly align?: "left" | "right";
  /** Not shown on narrower screens. */
  readonly visibleFrom?: "xs" | "sm" | "md" | "lg" | "xl" | "xxl";
}

export interface EndlessTableProps<Item, Sort extends string> {
  /** Of the query, with everything that the list is narrowed by. */
  readonly queryKey: readonly unknown[];
  readonly read: (request: ListRequest<Sort>) => Promise<ListPage<Item>>;
  readonly columns: readonly Column<Item>[];
  readonly keyOf: (item: Item) => string;
  readonly isSort: (text: string) => text is Sort;
  readonly sort: Sort;
  /** Name of the list for those who cannot see it: `Gateways`. */
  readonly label: string;
  /** In the place of a list that has nothing, unless it was searched. */
  readonly empty: ReactNode;
  readonly searchHint?: string;
  /** Beside the search: further filters. */
  readonly filters?: ReactNode;
  /** How many of them are in use: an empty list does not mean then that there is nothing at all. */
  readonly filterCount?: number;
  /** Filters that were given a name. */
  readonly saved?: ReactNode;
  /** Reads anew this often, for what changes by itself. */
  readonly refreshMs?: number;
  /** What is searched for at first; with `onView` a page keeps search and order in its address. */
  readonly search?: string;
  readonly onView?: (view: { readonly search: string; readonly sort: Sort }) => void;
  readonly selection?: Selection<Item>;
}

/** Items that are chosen, by their keys. */
export interface Selection<Item> {
  readonly chosen: ReadonlyMap<string, Item>;
  readonly onChange: (chosen: ReadonlyMap<string, Item>) => void;
  /** Of an item, for those who cannot see it. */
  readonly nameOf: (item: Item) => string;
}

const pageSize = 200;
const rowPx = 45;

/** A list of any length: rows are made as they come into sight, and read as they are needed. */
export function EndlessTable<Item, Sort extends string>(props: EndlessTableProps<Item, Sort>) {
  const { queryKey, read, columns, keyOf, isSort, label, empty, filters, selection } = props;
  const [typed, setTyped] = useState(props.search ?? "");
  const [search] = useDebouncedValue(typed.trim(), 250);
  const [sort, setSort] = useState<Sort>(props.sort);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const { onView: show, search: shown = "", sort: order } = latest.current;
    if (search !== shown || sort !== order) show?.({ search, sort });
  }, [search, sort]);
  const list = useInfiniteQuery({
    queryKey: [...queryKey, { search, sort }],
    queryFn: ({ pageParam }) =>
      read({ limit: pageSize, sort, ...(search !== "" && { search }), ...(pageParam !== "" && { after: pageParam }) }),
    initialPageParam: "",
    getNextPageParam: page => page.next,
    placeholderData: previous => previous,
    ...(props.refreshMs !== undefined && { refetchInterval: props.refreshMs }),
  });
  const items = list.data?.pages.flatMap(page => page.items) ?? [];
  const isNarrow = useMediaQuery("(max-width: 48em)") === true;
  const viewport = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => rowPx,
    getItemKey: index => (items[index] ? keyOf(items[index]) : index),
    overscan: 12,
  });
  const shown = rows.getVirtualItems();
  const [first, last] = [shown[0], shown.at(-1)];
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const isNearEnd = last !== undefined && last.index > items.length - pageSize / 4;
  useEffect(() => {
    if (isNearEnd && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isNearEnd, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const order = (by: string): void => {
    const next = sort === by ? `-${by}` : by;
    if (isSort(next)) setSort(next);
  };
  const isNothing = list.isSuccess && items.length === 0;
  const { filterCount = 0 } = props;
  const isNarrowed = search !== "" || filterCount > 0;
  const [areFiltersOpen, { toggle: toggleFilters }] = useDisclosure(filterCount > 0);
  if (isNothing && !isNarrowed && typed === "") return empty;
  return (
    <Box>
      <Group mb="xs" gap="xs">
        <TextInput
          value={typed}
          onChange={event => setTyped(event.currentTarget.value)}
          placeholder={props.searchHint ?? "Search"}
          aria-label={`Search in ${label}`}
          leftSection={<IconSearch size={16} aria-hidden />}
          rightSection={
            list.isFetching && !isFetchingNextPage ? <Loader size={14} role="status" aria-label="Loading" /> : null
          }
          w={{ base: "100%", sm: 280 }}
        />
        {filters !== undefined && isNarrow && (
          <Button
            variant="default"
            leftSection={<IconFilter size={16} />}
            aria-expanded={areFiltersOpen}
            onClick={toggleFilters}
          >
            {filterCount === 0 ? "Filters" : `Filters: ${filterCount}`}
          </Button>
        )}
        {(!isNarrow || areFiltersOpen) && filters}
        {props.saved}
      </Group>
      {list.isError && <ProblemNote error={list.error} onRetry={() => void list.refetch()} />}
      {isNothing && (isNarrowed ? <Text c="dimmed">Nothing fits this search.</Text> : empty)}
      {items.length > 0 && (
        <Box ref={viewport} mah="calc(100dvh - 220px)" tabIndex={0} style={{ overflow: "auto" }}>
          <Table
            aria-label={label}
            aria-rowcount={hasNextPage ? -1 : items.length + 1}
            highlightOnHover
            stickyHeader
            layout="fixed"
          >
            <Table.Thead>
              <Table.Tr aria-rowindex={1}>
                {selection && <ChooseAll items={items} keyOf={keyOf} selection={selection} />}
                {columns.map(column => (
                  <Table.Th
                    key={column.title}
                    w={column.width}
                    {...(column.visibleFrom && { visibleFrom: column.visibleFrom })}
                    ta={column.align}
                    aria-sort={orderOf(sort, column.sortsBy)}
                  >
                    <ColumnTitle column={column} sort={sort} onOrder={order} />
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              <Spacer height={first?.start ?? 0} />
              {shown.map(({ index, key }) => {
                const item = items[index];
                return item === undefined ? null : (
                  <Table.Tr key={key} aria-rowindex={index + 2} h={rowPx}>
                    {selection && <ChooseOne item={item} itemKey={keyOf(item)} selection={selection} />}
                    {columns.map(column => (
                      <Table.Td
                        key={column.title}
                        ta={column.align}
                        className="one-line"
                        {...(column.visibleFrom && { visibleFrom: column.visibleFrom })}
                      >
                        {column.render(item)}
                      </Table.Td>
                    ))}
                  </Table.Tr>
                );
              })}
              <Spacer height={rows.getTotalSize() - (last?.end ?? 0)} />
            </Table.Tbody>
          </Table>
        </Box>
      )}
    </Box>
  );
}

function orderOf(sort: string, by: string | undefined): "ascending" | "descending" | undefined {
  if (by === undefined) return undefined;
  if (sort === by) return "ascending";
  return sort === `-${by}` ? "descending" : undefined;
}

function ColumnTitle<Item>({
  column: { title, sortsBy },
  sort,
  onOrder,
}: {
  readonly column: Column<Item>;
  readonly sort: string;
  readonly onOrder: (by: string) => void;
}) {
  if (sortsBy === undefined) return title;
  const order = orderOf(sort, sortsBy);
  return (
    <UnstyledButton fz="inherit" fw="inherit" onClick={() => onOrder(sortsBy)}>
      {title} {order === "ascending" && <IconArrowUp size={12} aria-hidden />}
      {order === "descending" && <IconArrowDown size={12} aria-hidden />}
    </UnstyledButton>
  );
}

interface ChooseOneProps<Item> {
  readonly item: Item;
  readonly itemKey: string;
  readonly selection: Selection<Item>;
}

function ChooseOne<Item>({ item, itemKey, selection: { chosen, onChange, nameOf } }: ChooseOneProps<Item>) {
  const choose = (isChosen: boolean): void => {
    const next = new Map(chosen);
    if (isChosen) next.set(itemKey, item);
    else next.delete(itemKey);
    onChange(next);
  };
  return (
    <Table.Td w={40}>
      <Checkbox
        size="xs"
        aria-label={`Choose ${nameOf(item)}`}
        checked={chosen.has(itemKey)}
        onChange={event => choose(event.currentTarget.checked)}
      />
    </Table.Td>
  );
}

interface ChooseAllProps<Item> {
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  readonly selection: Selection<Item>;
}

/** Chooses what has been read so far. */
function ChooseAll<Item>({ items, keyOf, selection: { chosen, onChange } }: ChooseAllProps<Item>) {
  const isEvery = items.length > 0 && items.every(item => chosen.has(keyOf(item)));
  return (
    <Table.Th w={40}>
      <Checkbox
        size="xs"
        aria-label="Choose all that are listed"
        checked={isEvery}
        indeterminate={chosen.size > 0 && !isEvery}
        onChange={() => onChange(isEvery ? new Map() : new Map(items.map(item => [keyOf(item), item])))}
      />
    </Table.Th>
  );
}

/** Holds the place of rows that are out of sight. One cell: more would be columns where some are not shown. */
function Spacer({ height }: { readonly height: number }) {
  if (height <= 0) return null;
  return (
    <Table.Tr aria-hidden style={{ height, border: 0 }}>
      <Table.Td p={0} />
    </Table.Tr>
  );
}
