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
/** The keys of the Russian and Kazakh layouts, by the letters that are on them, and what is on them in English. */
const CYRILLIC = 'йцукенгшщзхъфывапролджэячсмитьбюёәіңғүұқөһ';
const LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`2345890-=";

/** The dictionaries are English and their passwords Latin: people who type Cyrillic choose the same keys. */
function onEnglishKeys(text: string): string {
  return [...text.toLowerCase()].map((letter) => LATIN[CYRILLIC.indexOf(letter)] ?? letter).join('');
}

const [weakest] = [password, onEnglishKeys(password)]
  .map((text) => guesser.check(text, [...words]))
  .sort((a, b) => a.score - b.score);
const answer: StrengthAnswer = {
  score: weakest?.score ?? 0,
  warning: weakest?.feedback.warning ?? null,
};
parentPort?.postMessage(answer);
