import { Button, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useWords } from './i18n/index.tsx';

interface SearchFormProps {
  readonly label: string;
  readonly placeholder: string;
  /** What is looked for now; give it as the `key`, too, so that the field follows the address. */
  readonly value: string;
  readonly error: string | null;
  readonly find: (text: string) => void;
}

/** One text that a list is searched by. */
export function SearchForm({ label, placeholder, value, error, find }: SearchFormProps): ReactNode {
  const { t } = useWords();
  const [text, setText] = useState(value);
  return (
    <form
      className="find"
      onSubmit={(event) => {
        event.preventDefault();
        find(text.trim());
      }}
    >
      <TextInput
        size="xs"
        type="search"
        aria-label={label}
        placeholder={placeholder}
        error={error}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
      />
      <Button size="xs" variant="default" type="submit">
        {t('find')}
      </Button>
    </form>
  );
}
