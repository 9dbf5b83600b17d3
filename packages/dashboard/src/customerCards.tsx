/** The cards that a customer has on file: which one is the default, what was agreed to, and deleting one. */
import { Badge, Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type CardOnFile, cards, newIdempotencyKey } from './api.ts';
import { type Key, useWords } from './i18n/index.tsx';
import { Table, useAction } from './list.tsx';
import { useMay } from './session.tsx';
import { Confirm, Dialog, Failure, Loaded } from './ui.tsx';

interface Props {
  readonly customerId: string;
}

export function CustomerCards({ customerId }: Props): ReactNode {
  const { t } = useWords();
  const mayChange = useMay('manager');
  const [deleting, setDeleting] = useState<CardOnFile | null>(null);
  const list = useQuery({
    queryKey: ['customers', customerId, 'cards'],
    queryFn: () => cards.list(customerId).page(),
  });
  return (
    <Loaded query={list} shape="table" lines={2}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="panel-note">{t('card.none')}</p>
        ) : (
          <>
            <Table
              label={t('card.title')}
              rows={items}
              keyOf={({ id }) => id}
              columns={[
                { title: t('card.card'), cell: (card) => <Name card={card} /> },
                { title: t('card.expiry'), cell: expiryOf },
                { title: t('card.use'), cell: ({ consent }) => t(chargersOf(consent)) },
                ...(mayChange
                  ? [
                      {
                        title: t('card.actions'),
                        cell: (card: CardOnFile) => <Actions card={card} ask={setDeleting} />,
                      },
                    ]
                  : []),
              ]}
            />
            {deleting !== null && <DeleteCard card={deleting} close={() => setDeleting(null)} />}
          </>
        )
      }
    </Loaded>
  );
}

function Name({ card: { brand, last4, isDefault } }: { readonly card: CardOnFile }): ReactNode {
  const { t } = useWords();
  return (
    <Group gap="xs" wrap="nowrap">
      <span>
        {brand.slice(0, 1).toUpperCase() + brand.slice(1)} •••• {last4}
      </span>
      {isDefault && (
        <Badge variant="light" tt="none" flex="none">
          {t('card.default')}
        </Badge>
      )}
    </Group>
  );
}

function expiryOf({ expiryMonth, expiryYear }: CardOnFile): string {
  return `${String(expiryMonth).padStart(2, '0')}/${String(expiryYear).slice(-2)}`;
}

function chargersOf({ withdrawnAt, until, merchantInitiated }: CardOnFile['consent']): Key {
  if (!merchantInitiated) return 'card.use.own';
  if (withdrawnAt !== null) return 'card.use.withdrawn';
  return until !== null && Date.parse(until) <= Date.now() ? 'card.use.over' : 'card.use.merchant';
}

interface ActionsProps {
  readonly card: CardOnFile;
  readonly ask: (card: CardOnFile) => void;
}

function Actions({ card, ask }: ActionsProps): ReactNode {
  const { t } = useWords();
  const { id, customerId, isDefault, last4 } = card;
  const makeDefault = useAction({
    run: () => cards.makeDefault(customerId, id),
    done: t('saved'),
    changes: ['customers', customerId, 'cards'],
  });
  return (
    <Group gap="xs" wrap="nowrap">
      {!isDefault && (
        <Button
          size="compact-xs"
          variant="default"
          loading={makeDefault.isPending}
          aria-label={t('card.makeDefaultOf', { last4 })}
          onClick={() => makeDefault.mutate(undefined)}
        >
          {t('card.makeDefault')}
        </Button>
      )}
      <Button
        size="compact-xs"
        variant="default"
        aria-label={t('card.deleteOf', { last4 })}
        onClick={() => ask(card)}
      >
        {t('card.delete')}
      </Button>
      {makeDefault.error !== null && <Failure error={makeDefault.error} />}
    </Group>
  );
}

interface DeleteProps {
  readonly card: CardOnFile;
  readonly close: () => void;
}

function DeleteCard({ card: { id, customerId, last4 }, close }: DeleteProps): ReactNode {
  const { t } = useWords();
  const [key] = useState(newIdempotencyKey);
  const remove = useAction({
    run: () => cards.delete(customerId, id, { idempotencyKey: key }),
    done: t('card.deleted'),
    andThen: close,
    changes: ['customers', customerId, 'cards'],
  });
  return (
    <Dialog title={t('card.deleteOf', { last4 })} close={close}>
      <Confirm
        text={t('card.deleteText')}
        action={t('card.delete')}
        error={remove.error}
        isRunning={remove.isPending}
        run={() => remove.mutate(undefined)}
      />
    </Dialog>
  );
}
