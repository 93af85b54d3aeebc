import { javascript } from "@codemirror/lang-javascript";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import { Box } from "@mantine/core";
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

const shade = (light: string, dark: string): string =>
  `light-dark(color-mix(in srgb, var(--mantine-color-${light}), black 25%), var(--mantine-color-${dark}))`;

/** Colours that can be read on the line that is edited too, light and dark. */
const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier], color: shade("grape-9", "grape-3") },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: shade("green-9", "green-3") },
  { tag: [tags.number, tags.bool, tags.null], color: shade("orange-9", "orange-3") },
  { tag: [tags.comment], color: "var(--mantine-color-dimmed)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName)], color: shade("blue-9", "blue-3") },
  { tag: [tags.propertyName, tags.typeName], color: shade("cyan-9", "cyan-3") },
  { tag: tags.invalid, color: shade("red-9", "red-4") },
]);

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
  const latest = useRef({ value, onChange });
  latest.current = { value, onChange };

  useEffect(() => {
    if (place.current === null) return;
    const { value: doc } = latest.current;
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc,
        extensions: [
          basicSetup,
          javascript({ typescript: language === "typescript" }),
          look,
          syntaxHighlighting(colors),
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
