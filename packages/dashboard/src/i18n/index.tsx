/** The dashboard's words in three languages. English is in the first load; the others are loaded when chosen. */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { Language } from '../format.ts';
import { type Dictionary, en } from './en.ts';

export type Key = keyof Dictionary;
export type Translate = (key: Key, values?: Readonly<Record<string, string | number>>) => string;

export const LANGUAGES: Readonly<Record<Language, string>> = { en: 'English', ru: 'Русский', kk: 'Қазақша' };

const LOADERS: Readonly<Record<Language, () => Promise<Dictionary>>> = {
  en: async () => en,
  ru: async () => (await import('./ru.ts')).ru,
  kk: async () => (await import('./kk.ts')).kk,
};

/** Never fails: what could not be loaded is tried again when it is chosen. */
export async function preloadLanguages(): Promise<void> {
  await Promise.allSettled(Object.values(LOADERS).map((load) => load()));
}

interface Words {
  readonly t: Translate;
  readonly language: Language;
  setLanguage(language: Language): void;
}

const Context = createContext<Words | null>(null);

function preferredLanguage(): Language {
  const wanted = [localStorage.getItem('language'), ...navigator.languages];
  const known = wanted.map((tag) => tag?.slice(0, 2)).find((tag) => tag !== undefined && tag in LANGUAGES);
  return (known ?? 'en') as Language;
}

export function WordsProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [language, choose] = useState(preferredLanguage);
  const [loaded, setLoaded] = useState<{ language: Language; words: Dictionary } | null>(
    language === 'en' ? { language, words: en } : null,
  );
  useEffect(() => {
    let current = true;
    LOADERS[language]().then(
      (words) => current && setLoaded({ language, words }),
      () => current && setLoaded({ language: 'en', words: en }),
    );
    document.documentElement.lang = language;
    return () => {
      current = false;
    };
  }, [language]);
  const setLanguage = useCallback((chosen: Language) => {
    localStorage.setItem('language', chosen);
    choose(chosen);
  }, []);
  const value = useMemo(() => {
    if (loaded === null) return null;
    const t: Translate = (key, values = {}) =>
      loaded.words[key].replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
    return { t, language: loaded.language, setLanguage };
  }, [loaded, setLanguage]);
  return value === null ? null : <Context value={value}>{children}</Context>;
}

export function useWords(): Words {
  const words = useContext(Context);
  if (words === null) throw new Error('there is no WordsProvider');
  return words;
}
