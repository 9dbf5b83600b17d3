import type { RequestOptions } from './options.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  AdvanceSandboxClockAnswer,
  AdvanceSandboxClockBody,
  GetSandboxClockAnswer,
  GetSandboxConfirmationAnswer,
  GetSandboxFaultsAnswer,
  GetSandboxFixturesAnswer,
  PaymentLink,
  ResetSandboxAnswer,
  SandboxPayLinkBody,
  SetSandboxFaultsAnswer,
  SetSandboxFaultsBody,
  WalletTransaction,
} from './types.generated.ts';

/** What only a sandbox can do, with a merchant's key. In production each of these is a 404. */
export class SandboxResource extends Resource {
  /** The customers and cards that behave as they are told. */
  fixtures(options?: RequestOptions): Promise<GetSandboxFixturesAnswer> {
    return this.getFrom('GetSandboxFixturesAnswer', '/v1/sandbox/fixtures', options);
  }

  clock(options?: RequestOptions): Promise<GetSandboxClockAnswer> {
    return this.getFrom('GetSandboxClockAnswer', '/v1/sandbox/clock', options);
  }

  /** Moves the clock forward, for all merchants; what falls due has happened before this answers. */
  advanceClock(body: AdvanceSandboxClockBody, options?: RequestOptions): Promise<AdvanceSandboxClockAnswer> {
    return this.postTo('AdvanceSandboxClockAnswer', '/v1/sandbox/clock', body, options);
  }

  faults(options?: RequestOptions): Promise<GetSandboxFaultsAnswer> {
    return this.getFrom('GetSandboxFaultsAnswer', '/v1/sandbox/faults', options);
  }

  /** What is not named stays as it is. */
  setFaults(body: SetSandboxFaultsBody, options?: RequestOptions): Promise<SetSandboxFaultsAnswer> {
    return this.putAt('SetSandboxFaultsAnswer', '/v1/sandbox/faults', body, options);
  }

  /** Back to the seed, for all merchants. */
  reset(options?: RequestOptions): Promise<ResetSandboxAnswer> {
    return this.postTo('ResetSandboxAnswer', '/v1/sandbox/reset', undefined, options);
  }

  /** Pays a link or a session as a payer whose card or wallet is good. */
  payLink(id: string, body: SandboxPayLinkBody = {}, options?: RequestOptions): Promise<PaymentLink> {
    return this.postTo('PaymentLink', pathOf`/v1/sandbox/payment-links/${id}/pay`, body, options);
  }

  /** Lets the time of a link or a session be over. */
  expireLink(id: string, options?: RequestOptions): Promise<PaymentLink> {
    return this.postTo('PaymentLink', pathOf`/v1/sandbox/payment-links/${id}/expire`, undefined, options);
  }

  /** The link to the customer's page of a payment that waits for its customer. */
  confirmation(id: string, options?: RequestOptions): Promise<GetSandboxConfirmationAnswer> {
    return this.getFrom(
      'GetSandboxConfirmationAnswer',
      pathOf`/v1/sandbox/transactions/${id}/confirmation`,
      options,
    );
  }

  /** Confirms a waiting payment in its customer's place. */
  confirm(id: string, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo(
      'WalletTransaction',
      pathOf`/v1/sandbox/transactions/${id}/confirm`,
      undefined,
      options,
    );
  }

  /** Declines a waiting payment in its customer's place. */
  decline(id: string, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo(
      'WalletTransaction',
      pathOf`/v1/sandbox/transactions/${id}/decline`,
      undefined,
      options,
    );
  }
}
