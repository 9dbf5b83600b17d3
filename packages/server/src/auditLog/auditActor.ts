import type { FastifyRequest } from 'fastify';
import { clientAddressOf } from '../http/clientAddress.ts';
import type { AuditActor } from './auditEntry.ts';

/** Who is told to the audit log: whose key or session a request came with, and from where. */
export function auditActorOf(request: FastifyRequest): AuditActor {
  const { principal } = request;
  const from = { address: clientAddressOf(request), requestId: request.id };
  if (principal === null)
    return { kind: 'unknown', id: null, isOperator: false, credentialId: null, ...from };
  const { apiKeyId: credentialId, keyName: name, user, merchantId } = principal;
  const isOperator = merchantId === null;
  if (user === null)
    return {
      kind: 'api_key',
      id: credentialId,
      isOperator,
      credentialId,
      ...from,
      ...(name !== undefined && { name }),
    };
  return { kind: 'user', id: user.id, isOperator, credentialId, ...from };
}
