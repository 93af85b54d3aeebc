import { Button, Skeleton, Stack, Table } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { ProblemNote } from "../../parts/problem.tsx";

const readFaults = async (importId: string, after: string) =>
  dataOf(
    await api.GET("/api/imports/{importId}/faults", {
      params: { path: { importId }, query: { limit: 100, ...(after !== "" && { after: Number(after) }) } },
    }),
  );

/** Every faulty line of an import. */
export function Faults({ importId }: { readonly importId: string }) {
  const faults = useInfiniteQuery({
    queryKey: ["imports", importId, "faults"],
    queryFn: ({ pageParam }) => readFaults(importId, pageParam),
    initialPageParam: "",
    getNextPageParam: page => page.next,
  });
  if (faults.isError) return <ProblemNote error={faults.error} onRetry={() => void faults.refetch()} />;
  if (faults.isPending) return <Skeleton h={160} />;
  return (
    <Stack>
      <Table aria-label="Faults">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={70}>Line</Table.Th>
            <Table.Th w={140}>Column</Table.Th>
            <Table.Th>What is wrong</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {faults.data.pages
            .flatMap(page => page.items)
            .map(({ line, column, message }) => (
              <Table.Tr key={`${line} ${column} ${message}`}>
                <Table.Td className="numbers">{line}</Table.Td>
                <Table.Td className="mono">{column}</Table.Td>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{message}</Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
      {faults.hasNextPage && (
        <Button variant="subtle" loading={faults.isFetchingNextPage} onClick={() => void faults.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Stack>
  );
}
