export { exactJson } from '../core/values/exactJson.ts';
