/** Capture, cancel and refund. */
import { Button, Checkbox, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { newIdempotencyKey, type Operation, PlexyPayError, type Transaction, transactions } from './api.ts';
import { amountInput, formatAmount, parseAmount } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { queryClient } from './session.tsx';
import { Dialog, Failure, Form, say } from './ui.tsx';

/** What the lifecycle allows now. The server decides again. */
export function possibleOperations(row: Transaction): readonly Operation[] {
  if (row.type === 'refund') return [];
  if (row.status === 'created' || row.status === '3d') return ['cancel'];
  const onHold: readonly Operation[] = row.status === 'authorized' ? ['capture', 'cancel'] : [];
  return mostOf(row, 'refund') > 0 ? [...onHold, 'refund'] : onHold;
}

/** The largest amount that can be captured, released or refunded. */
function mostOf(row: Transaction, operation: Operation): number {
  return operation === 'refund'
    ? row.capturedAmount - row.refundedAmount - row.reservedAmount
    : row.amount - row.capturedAmount - row.releasedAmount;
}

interface Props {
  readonly transaction: Transaction;
  readonly operation: Operation;
  readonly close: () => void;
}

/** Whether it may have happened all the same: there was no answer, or one that decides nothing. */
function isUnknown(error: unknown): boolean {
  return error instanceof PlexyPayError && (error.status === null || error.status >= 500);
}

/** What an answer means. A capture or cancel that the bank refuses is an error; a refund is there, and rejected. */
function outcomeOf(
  operation: Operation,
  { status, pendingOperation }: Transaction,
): 'done' | 'pending' | 'refused' {
  if (pendingOperation !== null) return 'pending';
  return operation === 'refund' && status !== 'refunded' ? 'refused' : 'done';
}

/**
 * One Idempotency-Key for an opened dialog and what it asks for: however often it is clicked, it is done once. An
 * amount whose fate is unknown can only be sent again as it is.
 */
export function OperationDialog({ transaction, operation, close }: Props): ReactNode {
  const { t, language } = useWords();
  const { currency } = transaction;
  // As it was when the dialog was opened: the feed may change the transaction under it, also ahead of the answer.
  const [before] = useState(transaction);
  const most = mostOf(before, operation);
  const [text, setText] = useState(() => amountInput(most, currency));
  const [areMoreToCome, setMoreToCome] = useState(false);
  const keys = useRef(new Map<string, string>());
  // The second of two clicks comes before the button is drawn as busy.
  const isRunning = useRef(false);
  const amount = parseAmount(text, currency);
  const isValid = amount !== null && amount <= most;
  const words = (value: number): string => formatAmount(value, currency, language);
  const run = useMutation({
    mutationFn: (value: number) => {
      const asked = `${value} ${areMoreToCome}`;
      const key = keys.current.get(asked) ?? newIdempotencyKey();
      keys.current.set(asked, key);
      return transactions.operate(transaction.id, operation, value, !areMoreToCome, key);
    },
    onSuccess: (result, value) => {
      const outcome = outcomeOf(operation, result);
      if (outcome === 'refused') return;
      if (outcome === 'done') say(t(`operate.${operation}.done`, { amount: words(value) }));
      else say(t('operate.pending'), 'clock');
      close();
    },
    onSettled: () => {
      isRunning.current = false;
      void queryClient.invalidateQueries({ queryKey: ['transaction', transaction.id] });
      void queryClient.invalidateQueries({ queryKey: ['transactions'] });
    },
  });
  const unknown = isUnknown(run.error);
  const isRefused = run.data !== undefined && outcomeOf(operation, run.data) === 'refused';
  const submit = (): void => {
    if (!isValid || isRunning.current) return;
    isRunning.current = true;
    run.mutate(amount);
  };
  return (
    <Dialog title={t(`operate.${operation}.title`)} close={close}>
      <Form submit={submit}>
        <p>{t(`operate.${operation}.text`)}</p>
        <TextInput
          label={t('operate.amount', { currency })}
          description={t('operate.all', { amount: words(most) })}
          inputMode="decimal"
          data-autofocus
          value={text}
          readOnly={unknown || transaction.status === 'created' || transaction.status === '3d'}
          error={isValid ? null : t('operate.invalid', { least: words(1), most: words(most) })}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {operation === 'capture' && (
          <Checkbox
            label={t('operate.more')}
            description={t('operate.more.text')}
            checked={areMoreToCome}
            disabled={unknown}
            onChange={(event) => setMoreToCome(event.currentTarget.checked)}
          />
        )}
        {run.error !== null && <Failure error={run.error} />}
        {isRefused && (
          <p className="operate-unknown" role="alert">
            {t('operate.refused')}
          </p>
        )}
        {unknown && <p className="operate-unknown">{t('operate.unknown')}</p>}
        <div className="dialog-actions">
          <Button variant="default" onClick={close}>
            {t('operate.keep')}
          </Button>
          <Button
            type="submit"
            color={operation === 'capture' ? 'indigo' : 'red'}
            loading={run.isPending}
            disabled={!isValid || isRefused}
          >
            {t(`operate.${operation}.submit`, { amount: isValid ? words(amount) : '' })}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
