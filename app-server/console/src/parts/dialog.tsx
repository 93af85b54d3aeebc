import { Modal, type ModalProps } from "@mantine/core";
import { createContext, useCallback, useContext, useEffect, useState } from "react";

/** Tells the dialog below that one more or one less is open over it. */
const Above = createContext<(change: 1 | -1) => void>(() => undefined);

/** Something over the page, or over another dialog: Escape closes the one on top alone, and then what opened it has the focus again. */
export function Dialog({ opened, children, ...modal }: ModalProps) {
  const tellBelow = useContext(Above);
  const [countAbove, setCountAbove] = useState(0);
  const hear = useCallback((change: 1 | -1) => setCountAbove(count => count + change), []);
  useEffect(() => {
    if (!opened) return;
    tellBelow(1);
    return () => tellBelow(-1);
  }, [opened, tellBelow]);
  // Mantine gives the focus back where a dialog is closed, and not where it is taken out of the page.
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (opener instanceof HTMLElement) setTimeout(() => document.activeElement === document.body && opener.focus());
    },
    [opener],
  );
  // What was pressed may be gone with the step that it ended; from nowhere the Tab key would lead behind the dialog.
  const [content, setContent] = useState<HTMLDivElement | null>(null);
  useEffect(() => {
    if (content === null) return;
    const observer = new MutationObserver(() => {
      if (document.activeElement === document.body) content.closest<HTMLElement>("[role=dialog]")?.focus();
    });
    observer.observe(content, { childList: true, subtree: true });
    return () => observer.disconnect();
  }, [content]);
  return (
    <Modal opened={opened} closeOnEscape={countAbove === 0} {...modal}>
      <div ref={setContent}>
        <Above value={hear}>{children}</Above>
      </div>
    </Modal>
  );
}
