import { javascript } from "@codemirror/lang-javascript";
import { defaultHighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { oneDarkHighlightStyle } from "@codemirror/theme-one-dark";
import { Box, useComputedColorScheme } from "@mantine/core";
import { basicSetup, EditorView } from "codemirror";
import { useEffect, useRef } from "react";

export interface CodeEditorProps {
  /** What it is, for those who cannot see it. */
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly language: "javascript" | "typescript";
  readonly isReadOnly?: boolean;
  readonly height?: number;
}

const nonce = document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "var(--mantine-color-body)" },
  "&.cm-focused": { outline: "2px solid var(--mantine-primary-color-filled)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mantine-font-family-monospace)" },
  ".cm-gutters": {
    backgroundColor: "var(--mantine-color-default-hover)",
    color: "var(--mantine-color-dimmed)",
    border: "none",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--mantine-color-default-hover)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
});

const colors = (scheme: "light" | "dark") =>
  syntaxHighlighting(scheme === "dark" ? oneDarkHighlightStyle : defaultHighlightStyle);

/** The part that needs the editor's library; a file of its own, so that it is loaded alone. */
export default function CodeArea({
  label,
  value,
  onChange,
  language,
  isReadOnly = false,
  height = 360,
}: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const scheme = useComputedColorScheme();
  const coloring = useRef(new Compartment());
  const latest = useRef({ value, onChange, scheme });
  latest.current = { value, onChange, scheme };

  useEffect(() => {
    if (place.current === null) return;
    const { value: doc, scheme: first } = latest.current;
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc,
        extensions: [
          basicSetup,
          javascript({ typescript: language === "typescript" }),
          look,
          coloring.current.of(colors(first)),
          EditorView.cspNonce.of(nonce),
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorState.readOnly.of(isReadOnly),
          EditorView.editable.of(!isReadOnly),
          EditorView.updateListener.of(({ docChanged, state }) => {
            if (docChanged) latest.current.onChange(state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = undefined;
      editor.destroy();
    };
  }, [label, language, isReadOnly]);
  useEffect(() => view.current?.dispatch({ effects: coloring.current.reconfigure(colors(scheme)) }), [scheme]);
  useEffect(() => {
    // Set from outside, and not by what was just typed.
    const editor = view.current;
    if (editor === undefined || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  return (
    <Box
      ref={place}
      h={height}
      style={{
        border: "1px solid var(--mantine-color-default-border)",
        borderRadius: "var(--mantine-radius-md)",
        overflow: "hidden",
        resize: "vertical",
      }}
    />
  );
}
