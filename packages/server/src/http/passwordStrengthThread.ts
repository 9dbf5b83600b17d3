/** The thread that judges one password. */
import { parentPort, workerData } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import * as common from '@zxcvbn-ts/language-common';
import * as english from '@zxcvbn-ts/language-en';
import type { StrengthAnswer, StrengthQuestion } from './passwordStrength.ts';

const { password, words }: StrengthQuestion = workerData;
const guesser = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  translations: english.translations,
});
const { score, feedback } = guesser.check(password, [...words]);
const answer: StrengthAnswer = { score, warning: feedback.warning };
parentPort?.postMessage(answer);
