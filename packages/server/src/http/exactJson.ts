export { exactJson } from '../domain/exactJson.ts';
