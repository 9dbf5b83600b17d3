import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { admin, newIdempotencyKey, type Wallet } from '../api.ts';
import { fieldError } from '../fieldErrors.ts';
import { parseAmount } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { List, Table, useAction } from '../list.tsx';
import { Amount, Dialog, Empty, Facts, Failure, Form, Id, Loaded, Page, Panel, Time } from '../ui.tsx';

export default function WalletHolderPage(): ReactNode {
  const { t } = useWords();
  const { id = '' } = useParams({ strict: false });
  const [isCreating, setCreating] = useState(false);
  const holder = useQuery({ queryKey: ['walletHolder', id], queryFn: () => admin.walletHolder(id) });
  const wallets = useQuery({ queryKey: ['wallets', id], queryFn: () => admin.wallets(id) });
  return (
    <Loaded query={holder} shape="details">
      {({ phoneNumber, iinLast4 }) => (
        <Page
          title={phoneNumber}
          lead={
            <>
              {t('sandbox.iin')} •••• {iinLast4} · <Id id={id} short />
            </>
          }
          actions={
            <Button size="xs" variant="default" onClick={() => setCreating(true)}>
              {t('wallet.create')}
            </Button>
          }
        >
          <Loaded query={wallets}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty icon="wallet" title={t('wallet.none')} />
              ) : (
                <div className="column">
                  {items.map((wallet) => (
                    <WalletPanel key={wallet.id} wallet={wallet} />
                  ))}
                </div>
              )
            }
          </Loaded>
          {isCreating && <CreateWallet holderId={id} close={() => setCreating(false)} />}
        </Page>
      )}
    </Loaded>
  );
}

type Way = 'deposit' | 'withdraw';

function WalletPanel({ wallet }: { readonly wallet: Wallet }): ReactNode {
  const { t } = useWords();
  const [way, setWay] = useState<Way | null>(null);
  const { id, currency, frozen } = wallet;
  const freeze = useAction({
    run: (isFrozen: boolean) => admin.freeze(id, isFrozen),
    done: t('saved'),
    changes: ['wallets', wallet.walletHolderId],
  });
  return (
    <Panel
      title={
        <>
          {currency}{' '}
          {frozen && (
            <span className="status status-sky">
              <Icon name="snow" size={12} />
              {t('wallet.frozen')}
            </span>
          )}
        </>
      }
      actions={
        <div className="buttons">
          <Button size="compact-xs" variant="default" onClick={() => setWay('deposit')}>
            {t('wallet.deposit')}
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => setWay('withdraw')}>
            {t('wallet.withdraw')}
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            loading={freeze.isPending}
            onClick={() => freeze.mutate(!frozen)}
          >
            {t(frozen ? 'wallet.unfreeze' : 'wallet.freeze')}
          </Button>
        </div>
      }
    >
      {freeze.error !== null && <Failure error={freeze.error} />}
      <Facts
        items={[
          [
            t('wallet.available'),
            <Amount key="available" amount={wallet.available} currency={currency} strong />,
          ],
          [t('wallet.held'), <Amount key="held" amount={wallet.held} currency={currency} />],
          [t('payment.id'), <Id key="id" id={id} short />],
        ]}
      />
      <List
        label={`${t('wallet.statement')} ${currency}`}
        queryKey={['wallets', wallet.walletHolderId, id, 'statement']}
        load={(query) => admin.walletStatement(id, { ...query, limit: 10 })}
        keyOf={({ operationId, code, at }) => operationId + code + at}
        empty={<p className="panel-note">{t('wallet.noStatement')}</p>}
        columns={[
          { title: t('column.created'), cell: ({ at }) => <Time at={at} /> },
          { title: t('column.type'), cell: ({ code }) => t(`entry.${code}`) },
          {
            title: t('column.order'),
            cell: ({ reference }) => <span className="cell-text">{reference}</span>,
          },
          {
            title: t('column.amount'),
            cell: ({ change }) => <Amount amount={change} currency={currency} />,
            isNumber: true,
          },
          {
            title: t('wallet.balanceAfter'),
            cell: ({ balance }) => <Amount amount={balance} currency={currency} />,
            isNumber: true,
          },
        ]}
      />
      {wallet.held > 0n && <OpenHolds wallet={wallet} />}
      {way !== null && <MoveDialog wallet={wallet} way={way} close={() => setWay(null)} />}
    </Panel>
  );
}

/** What is held now: a hold is no line of the statement, since it moves nothing. */
function OpenHolds({ wallet }: { readonly wallet: Wallet }): ReactNode {
  const { t } = useWords();
  const { id, walletHolderId: holderId, currency } = wallet;
  const holds = useQuery({
    queryKey: ['wallets', holderId, id, 'holds'],
    queryFn: () => admin.walletStatement(id, { limit: 1 }),
  });
  return (
    <Loaded query={holds} shape="table">
      {(statement) => (
        <Table
          label={`${t('wallet.holds')} ${currency}`}
          rows={statement.holds}
          keyOf={({ transactionId }) => transactionId}
          columns={[
            { title: t('wallet.holds'), cell: ({ transactionId }) => <Id id={transactionId} short /> },
            {
              title: t('column.order'),
              cell: ({ reference }) => <span className="cell-text">{reference}</span>,
            },
            {
              title: t('column.amount'),
              cell: ({ amount }) => <Amount amount={amount} currency={currency} />,
              isNumber: true,
            },
            { title: t('wallet.expires'), cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          ]}
        />
      )}
    </Loaded>
  );
}

interface MoveProps {
  readonly wallet: Wallet;
  readonly way: Way;
  readonly close: () => void;
}

function MoveDialog({ wallet, way, close }: MoveProps): ReactNode {
  const { t } = useWords();
  const [text, setText] = useState('');
  const [reference, setReference] = useState('');
  const [key] = useState(newIdempotencyKey);
  const amount = parseAmount(text, wallet.currency);
  const move = useAction({
    run: (value: number) =>
      admin.move(wallet.id, way, { amount: value, ...(reference === '' ? {} : { reference }) }, key),
    done: t('saved'),
    andThen: close,
    changes: ['wallets', wallet.walletHolderId],
  });
  return (
    <Dialog title={t(`wallet.${way}`)} close={close}>
      <Form submit={() => amount !== null && !move.isPending && move.mutate(amount)}>
        <TextInput
          label={t('operate.amount', { currency: wallet.currency })}
          inputMode="decimal"
          data-autofocus
          // The key belongs to this amount once it has been sent.
          readOnly={move.error !== null}
          value={text}
          error={text !== '' && amount === null && t('filter.invalidAmount', { currency: wallet.currency })}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <TextInput
          label={t('wallet.reference')}
          error={fieldError(move.error, 'reference', t)}
          maxLength={255}
          readOnly={move.error !== null}
          value={reference}
          onChange={(event) => setReference(event.currentTarget.value)}
        />
        {move.error !== null && <Failure error={move.error} fields={['reference']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={move.isPending} disabled={amount === null}>
            {t(`wallet.${way}`)}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function CreateWallet({
  holderId,
  close,
}: {
  readonly holderId: string;
  readonly close: () => void;
}): ReactNode {
  const { t } = useWords();
  const [currency, setCurrency] = useState('KZT');
  const [key] = useState(newIdempotencyKey);
  const create = useAction({
    run: () => admin.createWallet(holderId, { currency }, key),
    done: t('saved'),
    andThen: close,
    changes: ['wallets', holderId],
  });
  return (
    <Dialog title={t('wallet.create')} close={close}>
      <Form submit={() => !create.isPending && create.mutate(undefined)}>
        <TextInput
          label={t('filter.currency')}
          error={fieldError(create.error, 'currency', t)}
          maxLength={3}
          data-autofocus
          value={currency}
          onChange={(event) => setCurrency(event.currentTarget.value.toUpperCase())}
        />
        {create.error !== null && <Failure error={create.error} fields={['currency']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={create.isPending}>
            {t('wallet.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
