import type { ReactNode } from "react";
import { useTenantId } from "../shell/tenant.ts";
import { type Column, EndlessTable, type ListPage, type ListRequest } from "./endless-table.tsx";
import { PageHeader } from "./page-header.tsx";
import { isUsualSort, type UsualSort } from "./sorts.ts";

export interface CatalogListProps<Item> {
  readonly title: string;
  /** First part of the query's key, as whoever changes one of them makes old. */
  readonly kind: string;
  readonly read: (request: ListRequest<UsualSort> & { readonly tenantId?: string }) => Promise<ListPage<Item>>;
  readonly columns: readonly Column<Item>[];
  readonly actions: ReactNode;
  readonly empty: ReactNode;
}

/** The page of one kind of things that have names and belong to a tenant. */
export function CatalogList<Item extends { readonly id: string }>(props: CatalogListProps<Item>) {
  const { title, kind, read, columns, actions, empty } = props;
  const tenantId = useTenantId();
  return (
    <>
      <PageHeader title={title} actions={actions} />
      <EndlessTable
        label={title}
        queryKey={[kind, "list", tenantId]}
        read={request => read({ ...request, ...(tenantId !== undefined && { tenantId }) })}
        columns={columns}
        keyOf={({ id }) => id}
        isSort={isUsualSort}
        sort="name"
        searchHint="Beginning of the name"
        empty={empty}
      />
    </>
  );
}
