import { SegmentedControl } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Language } from './format.ts';
import { LANGUAGES, useWords } from './i18n/index.tsx';
import { chooseScheme, useScheme } from './scheme.ts';

/** Language, and light or dark. */
export function Appearance(): ReactNode {
  const { t, language, setLanguage } = useWords();
  const { chosen } = useScheme();
  return (
    <div className="appearance">
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label={t('language')}
        value={language}
        onChange={(value) => setLanguage(value as Language)}
        data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
      />
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label={t('scheme.label')}
        value={chosen}
        onChange={(value) => chooseScheme(value as typeof chosen)}
        data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`scheme.${value}`) }))}
      />
    </div>
  );
}
