import { Autocomplete, Button, SegmentedControl, Switch, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { admin, type Merchant } from '../api.ts';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Amount, Empty, Failure, Form, Id, Loaded, Page, Panel, Time } from '../ui.tsx';

export default function MerchantPage(): ReactNode {
  const { id = '' } = useParams({ strict: false });
  const query = useQuery({ queryKey: ['merchant', id], queryFn: () => admin.merchant(id) });
  return (
    <Loaded query={query} shape="details">
      {(merchant) => <Whole merchant={merchant} key={merchant.id} />}
    </Loaded>
  );
}

function Whole({ merchant }: { readonly merchant: Merchant }): ReactNode {
  const { t } = useWords();
  const { id } = merchant;
  const balances = useQuery({ queryKey: ['merchant', id, 'balances'], queryFn: () => admin.balances(id) });
  return (
    <Page title={merchant.name} lead={<Id id={id} />}>
      <div className="two-columns">
        <div className="column">
          <Loaded query={balances}>
            {({ items }) =>
              items.length === 0 ? (
                <Panel title={t('merchant.balances')}>
                  <p className="panel-note">{t('merchant.noBalance')}</p>
                </Panel>
              ) : (
                items.map(({ currency, balance }) => (
                  <Panel
                    key={currency}
                    title={currency}
                    actions={<Amount amount={balance} currency={currency} strong />}
                  >
                    <Statement merchantId={id} currency={currency} />
                  </Panel>
                ))
              )
            }
          </Loaded>
        </div>
        <div className="column">
          <Panel title={t('nav.settings')}>
            <Settings merchant={merchant} />
          </Panel>
          <Panel title={t('merchant.stores')}>
            <List
              label={t('merchant.stores')}
              queryKey={['merchant', id, 'stores']}
              load={(query) => admin.stores(id, query)}
              keyOf={(store) => store.id}
              empty={<p className="panel-note">{t('none')}</p>}
              columns={[
                { title: t('name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
                { title: t('column.id'), cell: (store) => <Id id={store.id} short /> },
              ]}
            />
          </Panel>
          <Panel title={t('nav.apiKeys')}>
            <List
              label={t('nav.apiKeys')}
              queryKey={['merchant', id, 'keys']}
              load={(query) => admin.merchantKeys(id, query)}
              keyOf={(key) => key.id}
              empty={<p className="panel-note">{t('none')}</p>}
              columns={[
                { title: t('name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
                { title: t('key.hint'), cell: ({ hint }) => <code>…{hint}</code> },
                { title: t('key.revoked'), cell: ({ revokedAt }) => <Time at={revokedAt} /> },
              ]}
            />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Statement({
  merchantId,
  currency,
}: {
  readonly merchantId: string;
  readonly currency: string;
}): ReactNode {
  const { t } = useWords();
  return (
    <List
      label={`${t('wallet.statement')} ${currency}`}
      queryKey={['merchant', merchantId, 'statement', currency]}
      load={(query) => admin.merchantStatement(merchantId, { ...query, currency, limit: 10 })}
      keyOf={({ operationId, kind, at }) => operationId + kind + at}
      empty={<Empty icon="ledger" title={t('wallet.noStatement')} />}
      columns={[
        { title: t('column.created'), cell: ({ at }) => <Time at={at} /> },
        { title: t('column.type'), cell: ({ kind }) => t(`entry.${kind}`) },
        { title: t('column.order'), cell: ({ reference }) => <span className="cell-text">{reference}</span> },
        {
          title: t('column.amount'),
          cell: ({ amount }) => <Amount amount={amount} currency={currency} />,
          isNumber: true,
        },
        {
          title: t('wallet.balanceAfter'),
          cell: ({ balance }) => <Amount amount={balance} currency={currency} />,
          isNumber: true,
        },
      ]}
    />
  );
}

const TIME_ZONES = Intl.supportedValuesOf('timeZone');

function Settings({ merchant }: { readonly merchant: Merchant }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState(merchant.name);
  const [captureMode, setCaptureMode] = useState(merchant.captureMode);
  const [delay, setDelay] = useState(String(merchant.captureDelay));
  const [hold, setHold] = useState(String(merchant.authorizationTtl));
  const [timeZone, setTimeZone] = useState(merchant.timeZone ?? '');
  const [requireKey, setRequireKey] = useState(merchant.requireIdempotencyKey);
  const save = useAction({
    run: () =>
      admin.updateMerchant(merchant.id, {
        name: name.trim(),
        captureMode,
        captureDelay: Number(delay),
        authorizationTtl: Number(hold),
        timeZone: timeZone.trim() === '' ? null : timeZone.trim(),
        requireIdempotencyKey: requireKey,
      }),
    done: t('saved'),
    changes: ['merchant', merchant.id],
  });
  return (
    <div className="panel-body">
      <Form submit={() => !save.isPending && save.mutate(undefined)}>
        <TextInput
          size="xs"
          label={t('name')}
          error={fieldError(save.error, 'name', t)}
          maxLength={255}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <SegmentedControl
          size="xs"
          aria-label={t('payment.captureMode')}
          value={captureMode}
          onChange={(value) => setCaptureMode(value as Merchant['captureMode'])}
          data={(['manual', 'automatic'] as const).map((value) => ({
            value,
            label: t(`payment.captureMode.${value}`),
          }))}
        />
        <TextInput
          size="xs"
          label={t('merchant.captureDelay')}
          error={fieldError(save.error, 'captureDelay', t)}
          inputMode="numeric"
          value={delay}
          onChange={(event) => setDelay(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t('merchant.authorizationTtl')}
          error={fieldError(save.error, 'authorizationTtl', t)}
          inputMode="numeric"
          value={hold}
          onChange={(event) => setHold(event.currentTarget.value)}
        />
        <Autocomplete
          size="xs"
          label={t('merchant.timeZone')}
          error={fieldError(save.error, 'timeZone', t)}
          data={TIME_ZONES}
          limit={20}
          maxLength={64}
          value={timeZone}
          onChange={setTimeZone}
        />
        <Switch
          size="xs"
          label={t('merchant.requireIdempotencyKey')}
          description={t('merchant.requireIdempotencyKeyHint')}
          checked={requireKey}
          onChange={(event) => setRequireKey(event.currentTarget.checked)}
        />
        {save.error !== null && (
          <Failure error={save.error} fields={['name', 'captureDelay', 'authorizationTtl', 'timeZone']} />
        )}
        <Button size="xs" type="submit" loading={save.isPending}>
          {t('save')}
        </Button>
      </Form>
    </div>
  );
}
