/** What is said in place of the form: an icon, a heading, a sentence, and where to go from here. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** In a box of 24 × 24. */
const ICONS = {
  good: 'M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20M7.500 12.500l3 3 6-6.500',
  bad: 'M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20M8.500 8.500l7 7m0-7-7 7',
  time: 'M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20M12 6.500V12l3.500 2',
  note: 'M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20M12 11v5.500m0-9v.010',
} as const;

interface NoticeProps {
  readonly icon: keyof typeof ICONS | 'busy';
  readonly title: string;
  readonly children: ComponentChildren;
}

/** Its heading gets the focus: whoever does not see the page hears that it has changed, and reads on from there. */
export function Notice({ icon, title, children }: NoticeProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <section class="notice">
      {icon === 'busy' ? (
        <span class="spinner" aria-hidden="true" />
      ) : (
        <svg class={`icon ${icon}`} viewBox="0 0 24 24" aria-hidden="true">
          <path d={ICONS[icon]} />
        </svg>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </section>
  );
}
