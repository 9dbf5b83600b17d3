/** The sandbox's levers: its clock, faults, customers and cards, and payments made with them. */
import { Button, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type Faults, type Fixtures, newIdempotencyKey, sandbox, type WalletTransaction } from '../api.ts';
import { useServerNow } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { formatAmount, formatMilliseconds, formatSpan, parseAmount } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { Table, useAction } from '../list.tsx';
import { behaviourText } from '../reasons.ts';
import { queryClient, useMay } from '../session.tsx';
import { StatusBadge } from '../status.tsx';
import {
  Confirm,
  CopyButton,
  Dialog,
  Facts,
  Failure,
  Form,
  Loaded,
  Page,
  Panel,
  Reason,
  say,
  Time,
} from '../ui.tsx';

export default function Sandbox(): ReactNode {
  const { t } = useWords();
  const mayWrite = useMay('manager');
  const fixtures = useQuery({
    queryKey: ['fixtures'],
    queryFn: sandbox.fixtures,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Page title={t('nav.sandbox')} lead={t('sandbox.lead')} actions={mayWrite && <Reset />}>
      <Loaded query={fixtures}>
        {(known) => (
          <div className="column">
            {mayWrite && (
              <div className="halves">
                <Panel title={t('sandbox.pay')}>
                  <Pay fixtures={known} />
                </Panel>
                <div className="column">
                  <Panel title={t('sandbox.clock')}>
                    <Clock />
                  </Panel>
                  <Panel title={t('sandbox.faults')}>
                    <FaultSwitches />
                  </Panel>
                </div>
              </div>
            )}
            <Numbers fixtures={known} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

const STEPS = [
  [3_600, 'sandbox.hour'],
  [86_400, 'sandbox.day'],
  [7 * 86_400, 'sandbox.week'],
] as const;

function Clock(): ReactNode {
  const { t, language } = useWords();
  const clock = useQuery({ queryKey: ['clock'], queryFn: sandbox.clock, refetchInterval: 1_000 });
  const advance = useMutation({
    mutationFn: sandbox.advance,
    onSuccess: () => say(t('sandbox.advanced')),
    onSettled: () => queryClient.invalidateQueries(),
  });
  return (
    <div className="panel-body">
      <Loaded query={clock} lines={1}>
        {({ now, offsetSeconds }) => (
          <p className="clock">
            <Time at={now} show="full" />
            {offsetSeconds >= 60 && (
              <span className="dim">
                {' '}
                {t('sandbox.ahead', { span: formatSpan(offsetSeconds, language) })}
              </span>
            )}
          </p>
        )}
      </Loaded>
      <div className="buttons">
        {STEPS.map(([seconds, label]) => (
          <Button
            key={seconds}
            variant="default"
            size="xs"
            loading={advance.isPending && advance.variables === seconds}
            disabled={advance.isPending}
            onClick={() => advance.mutate(seconds)}
          >
            {t(label)}
          </Button>
        ))}
      </div>
      {advance.error !== null && <Failure error={advance.error} />}
      <p className="hint">{t('sandbox.clockHint')}</p>
    </div>
  );
}

function FaultSwitches(): ReactNode {
  const { t, language } = useWords();
  const faults = useQuery({ queryKey: ['faults'], queryFn: sandbox.faults });
  const change = useAction({ run: sandbox.setFaults, done: t('saved'), changes: ['faults'] });
  return (
    <div className="panel-body">
      <Loaded query={faults} lines={2}>
        {({ bank, databaseDelayMs }) => (
          <div className="form">
            <div>
              <p className="label">{t('sandbox.bank')}</p>
              <SegmentedControl
                size="xs"
                fullWidth
                aria-label={t('sandbox.bank')}
                value={bank}
                onChange={(value) => change.mutate({ bank: value as Faults['bank'] })}
                data={(['none', 'down', 'slow', 'timeouts'] as const).map((value) => ({
                  value,
                  label: t(`sandbox.bank.${value}`),
                }))}
              />
            </div>
            <div>
              <p className="label">{t('sandbox.database')}</p>
              <SegmentedControl
                size="xs"
                fullWidth
                aria-label={t('sandbox.database')}
                value={String(databaseDelayMs)}
                onChange={(value) => change.mutate({ databaseDelayMs: Number(value) })}
                data={[...new Set([0, 200, 1_000, databaseDelayMs])].map((ms) => ({
                  value: String(ms),
                  label: ms === 0 ? t('none') : formatMilliseconds(ms, language),
                }))}
              />
            </div>
            {change.error !== null && <Failure error={change.error} />}
          </div>
        )}
      </Loaded>
    </div>
  );
}

/** What there is to see of a payment, by wallet or by card. */
interface Paid {
  readonly id: string;
  readonly status: string;
  readonly failureCode: string | null;
  readonly redirectUrl: string | null;
}

function walletPaid(row: WalletTransaction): Paid {
  const { walletTransactionId: id, walletTransactionStatus: status, failureCode = null } = row;
  return { id, status, failureCode, redirectUrl: null };
}

function Pay({ fixtures }: { readonly fixtures: Fixtures }): ReactNode {
  const { t } = useWords();
  const payers = [
    ...fixtures.customers.map((customer) => ({
      value: customer.phoneNumber,
      label: `${customer.phoneNumber} – ${behaviourText(customer.behaves, t)}`,
    })),
    ...fixtures.cards.map((card) => ({
      value: card.number,
      label: `${spaced(card.number)} – ${behaviourText(card.behaves, t)}`,
    })),
  ];
  const [payer, setPayer] = useState(payers[0]?.value ?? '');
  const [amountText, setAmountText] = useState('150.00');
  const [currency, setCurrency] = useState('KZT');
  const now = useServerNow();
  const [order, setOrder] = useState('ORDER-1');
  const amount = parseAmount(amountText, currency);
  const pay = useMutation<Paid, unknown, { amount: number; key: string }>({
    mutationFn: ({ amount, key }) => {
      const customer = fixtures.customers.find(({ phoneNumber }) => phoneNumber === payer);
      const what = { amount, currency, orderReference: order };
      if (customer !== undefined) {
        const { phoneNumber, iin } = customer;
        return sandbox.authorize({ ...what, phoneNumber, iin }, key).then(walletPaid);
      }
      const card = {
        number: payer,
        expiryMonth: 12,
        expiryYear: new Date(now()).getFullYear() + 4,
        cvc: '123',
      };
      return sandbox.pay({ ...what, card, returnUrl: location.href }, key);
    },
  });
  const isValid = amount !== null && /^[A-Z]{3}$/.test(currency) && order.trim() !== '';
  return (
    <div className="panel-body">
      <Form submit={() => isValid && !pay.isPending && pay.mutate({ amount, key: newIdempotencyKey() })}>
        <Select
          label={t('sandbox.payer')}
          data={payers}
          value={payer}
          searchable
          onChange={(value) => setPayer(value ?? '')}
        />
        <div className="fields">
          <TextInput
            label={t('column.amount')}
            inputMode="decimal"
            value={amountText}
            error={amount === null && t('filter.invalidAmount', { currency })}
            onChange={(event) => setAmountText(event.currentTarget.value)}
          />
          <TextInput
            label={t('filter.currency')}
            error={fieldError(pay.error, 'currency', t)}
            maxLength={3}
            value={currency}
            onChange={(event) => setCurrency(event.currentTarget.value.toUpperCase())}
          />
        </div>
        <TextInput
          label={t('payment.order')}
          error={fieldError(pay.error, 'orderReference', t)}
          maxLength={255}
          value={order}
          onChange={(event) => setOrder(event.currentTarget.value)}
        />
        <Button type="submit" loading={pay.isPending} disabled={!isValid}>
          {t('sandbox.paySubmit')}
        </Button>
        {pay.error !== null && <Failure error={pay.error} fields={['currency', 'orderReference']} />}
      </Form>
      {pay.data !== undefined && <Outcome paid={pay.data} key={pay.data.id} />}
    </div>
  );
}

/** What became of it, and the decision that it may wait for. */
function Outcome({ paid }: { readonly paid: Paid }): ReactNode {
  const { t } = useWords();
  const { id } = paid;
  const decide = useMutation({
    mutationFn: (decision: 'confirm' | 'decline') => sandbox.decide(id, decision).then(walletPaid),
  });
  const now: Paid = decide.data ?? paid;
  const isWaiting = now.status === 'NEW';
  return (
    <div className="outcome" role="status">
      <Facts
        items={[
          [t('column.status'), <StatusBadge key="status" status={now.status} />],
          ...(now.failureCode === null
            ? []
            : [[t('column.reason'), <Reason key="reason" code={now.failureCode} />] as const]),
        ]}
      />
      <div className="buttons">
        <Link to="/transactions/$id" params={{ id }}>
          {t('sandbox.open')}
        </Link>
        {now.redirectUrl !== null && <a href={now.redirectUrl}>{t('payment.openRedirect')}</a>}
        {isWaiting &&
          (['confirm', 'decline'] as const).map((decision) => (
            <Button
              key={decision}
              size="xs"
              variant={decision === 'confirm' ? 'filled' : 'default'}
              loading={decide.isPending && decide.variables === decision}
              onClick={() => decide.mutate(decision)}
            >
              {t(`sandbox.${decision}`)}
            </Button>
          ))}
      </div>
      {decide.error !== null && <Failure error={decide.error} />}
    </div>
  );
}

function spaced(number: string): string {
  return number.replace(/(.{4})(?=.)/g, '$1 ');
}

function Numbers({ fixtures }: { readonly fixtures: Fixtures }): ReactNode {
  const { t, language } = useWords();
  return (
    <div className="column">
      <Panel title={t('sandbox.customers')}>
        <Table
          label={t('sandbox.customers')}
          rows={fixtures.customers}
          keyOf={({ phoneNumber }) => phoneNumber}
          columns={[
            { title: t('sandbox.phone'), cell: ({ phoneNumber }) => <Copied text={phoneNumber} /> },
            { title: t('sandbox.iin'), cell: ({ iin }) => <Copied text={iin} /> },
            {
              title: t('sandbox.funds'),
              cell: ({ wallets }) =>
                wallets.map(({ currency, funds }) => formatAmount(funds, currency, language)).join(', '),
            },
            { title: t('sandbox.behaves'), cell: ({ behaves }) => behaviourText(behaves, t) },
          ]}
        />
      </Panel>
      <Panel title={t('sandbox.cards')}>
        <Table
          label={t('sandbox.cards')}
          rows={fixtures.cards}
          keyOf={({ number }) => number}
          columns={[
            {
              title: t('sandbox.number'),
              cell: ({ number }) => <Copied text={number} shown={spaced(number)} />,
            },
            { title: t('sandbox.behaves'), cell: ({ behaves }) => behaviourText(behaves, t) },
          ]}
        />
      </Panel>
    </div>
  );
}

function Copied({ text, shown = text }: { readonly text: string; readonly shown?: string }): ReactNode {
  return (
    <span className="id">
      <code>{shown}</code>
      <CopyButton text={text} />
    </span>
  );
}

function Reset(): ReactNode {
  const { t } = useWords();
  const [isOpen, setOpen] = useState(false);
  const reset = useMutation({
    mutationFn: sandbox.reset,
    onSuccess: () => {
      setOpen(false);
      say(t('sandbox.resetDone'));
    },
    onSettled: () => queryClient.invalidateQueries(),
  });
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setOpen(true)}>
        {t('sandbox.reset')}
      </Button>
      {isOpen && (
        <Dialog title={t('sandbox.reset')} close={() => setOpen(false)}>
          <Confirm
            text={t('sandbox.resetText')}
            action={t('sandbox.reset')}
            error={reset.error}
            isRunning={reset.isPending}
            run={() => reset.mutate()}
          />
        </Dialog>
      )}
    </>
  );
}
