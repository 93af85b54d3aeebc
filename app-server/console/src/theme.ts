import { Badge, createTheme, Input, Menu, Modal, Notification } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "cyan",
  // White can be read on it, light and dark.
  primaryShade: 9,
  autoContrast: true,
  // Where black and white can be read equally well (WCAG 2.2, 1.4.3).
  luminanceThreshold: 0.179,
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
  headings: { fontWeight: "650" },
  cursorType: "pointer",
  // Where there is room for every column of a list.
  breakpoints: { xxl: "105em" },
  components: {
    Badge: Badge.extend({ defaultProps: { variant: "light", tt: "none", fw: 600 } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    // An element of it that is no item of the menu would be read as one.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    // Inputs side by side are in one line, whether something is explained or not.
    InputWrapper: Input.Wrapper.extend({
      defaultProps: { inputWrapperOrder: ["label", "input", "description", "error"] },
    }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
  },
});
