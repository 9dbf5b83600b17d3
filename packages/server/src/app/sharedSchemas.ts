/** The objects that the schemas of several routes refer to by name, each from the room that it is of. */

import { ACQUIRER_OBJECTS } from '../acquirers/schemas.ts';
import { AuditLogEntry } from '../auditLog/auditLogRoutes.ts';
import { CARD_OBJECTS } from '../cards/schemas.ts';
import { CUSTOMER_OBJECTS } from '../customers/schemas.ts';
import { ADMIN_OBJECTS } from '../http/adminSchemas.ts';
import * as schemas from '../http/schemas.ts';
import { USER_OBJECTS } from '../identity/userSchemas.ts';
import { LINK_OBJECTS } from '../links/schemas.ts';
import { SYSTEM_OBJECTS } from '../operations/systemRoutes.ts';
import { TransactionPosting } from '../payments/postingRoutes.ts';
import { IssueView, MutedIssue } from '../reports/issueRoutes.ts';
import { STATISTICS_OBJECTS } from '../reports/statisticsRoutes.ts';
import { LoggedRequestView } from '../requestLog/requestLogRoutes.ts';
import { WEBHOOK_OBJECTS } from '../webhooks/schemas.ts';

const { ErrorResponse, WalletTransaction, Transaction, TransactionEvent } = schemas;

export const SHARED_SCHEMAS: readonly object[] = [
  ErrorResponse,
  WalletTransaction,
  Transaction,
  TransactionEvent,
  TransactionPosting,
  ...LINK_OBJECTS,
  ...CUSTOMER_OBJECTS,
  ...CARD_OBJECTS,
  ...ADMIN_OBJECTS,
  ...ACQUIRER_OBJECTS,
  ...USER_OBJECTS,
  ...WEBHOOK_OBJECTS,
  ...STATISTICS_OBJECTS,
  ...SYSTEM_OBJECTS,
  LoggedRequestView,
  AuditLogEntry,
  IssueView,
  MutedIssue,
];
