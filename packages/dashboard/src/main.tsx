import './mantine.css';
import './app.css';
import { createTheme, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { WordsProvider } from './i18n/index.tsx';
import { router } from './router.tsx';
import { useScheme } from './scheme.ts';
import { queryClient } from './session.tsx';

/** Greys with the blue of the pages. */
const DARK = [
  '#e6e9ef',
  '#c4cbd6',
  '#9aa4b5',
  '#7d8799',
  '#3a4250',
  '#2d3440',
  '#1d222b',
  '#161a21',
  '#11151b',
  '#0e1116',
] as const;
const INDIGO = [
  '#eef2ff',
  '#e0e7ff',
  '#c7d2fe',
  '#a5b4fc',
  '#818cf8',
  '#6366f1',
  '#4f46e5',
  '#4338ca',
  '#3730a3',
  '#312e81',
] as const;

/** Of what cannot be undone: the colour of rejected, dark enough for white words on it. */
const RED = [
  '#fff4ed',
  '#ffe6d5',
  '#ffccaa',
  '#ffa872',
  '#fd7a3b',
  '#e8590c',
  '#b93815',
  '#9a2f12',
  '#7c2711',
  '#64210f',
] as const;

const theme = createTheme({
  colors: { dark: DARK, indigo: INDIGO, red: RED },
  primaryColor: 'indigo',
  primaryShade: { light: 6, dark: 6 },
  defaultRadius: 'sm',
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--font-mono)',
  cursorType: 'pointer',
  components: {
    Button: { defaultProps: { size: 'sm' } },
    // The library locks the page's scrolling by a style element that the page's policy forbids: app.css does it.
    Modal: { defaultProps: { lockScroll: false, centered: true } },
    Drawer: { defaultProps: { lockScroll: false } },
    Popover: { defaultProps: { shadow: 'md' } },
    Tooltip: { defaultProps: { openDelay: 300, fz: 'xs' } },
    Select: { defaultProps: { allowDeselect: false, checkIconPosition: 'right' } },
  },
});

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';

function App(): ReactNode {
  const { scheme } = useScheme();
  return (
    <MantineProvider theme={theme} forceColorScheme={scheme} getStyleNonce={() => nonce}>
      <WordsProvider>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </WordsProvider>
    </MantineProvider>
  );
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
