import type { StepId, Task } from './steps.ts';

/** What a step is called. */
export function nameOf(step: StepId): string {
	switch (step) {
		case 'rows':
			return 'Give three rows';
		case 'train':
			return 'Train on them';
		case 'register':
			return 'Give it a price';
		case 'ask':
			return 'Ask it';
		case 'share':
			return 'See your share';
		case 'settle':
			return 'Pay for the reply';
		case 'claim':
			return 'Claim what you earned';
	}
}

/** What is to be done now, and why, in a sentence or two; and what the button says. */
export function wordsOf(task: Task): { text: string; action?: string } {
	switch (task) {
		case 'begin':
			return {
				text: 'A model answers from what people wrote. Start a Datanet, a small collection whose every row says whose it is.',
				action: 'Start a Datanet'
			};
		case 'add':
			return {
				text: 'Take the three facts that are offered, which no model knows, and change them as you like; or write your own.',
				action: 'Show its rows'
			};
		case 'choose':
			return {
				text: 'An adapter is what a model learns on top of what it knows. All is chosen already: press Train, and it takes about a minute.',
				action: 'Set up the training'
			};
		case 'resume':
			return { text: 'The training waits where it was left.', action: 'Go on with it' };
		case 'training':
			return {
				text: 'It learns your rows now, on this device. Watch it answer your questions, first wrongly, then in your words.',
				action: 'Watch it learn'
			};
		case 'keep':
			return {
				text: 'It has learnt. Save the adapter, so that the chat can use it.',
				action: 'Save it'
			};
		case 'measuring':
			return {
				text: 'What each row does to its replies is measured now: that is how a reply knows whose it is.',
				action: 'See how far it is'
			};
		case 'sandbox':
			return {
				text: 'The path pays with play money only. A wallet is connected: go back to the sandbox to go on.',
				action: 'Back to the sandbox'
			};
		case 'reading':
			return { text: 'Reading the books of the sandbox, a blockchain in this tab with play money.' };
		case 'register':
			return {
				text: 'Registered, your adapter has a price, and a share of each payment goes to whom the rows are by: you.',
				action: 'Register it'
			};
		case 'deposit':
			return {
				text: 'What costs something is paid from a balance. Put 150 OPEN of play money into it.',
				action: 'Deposit 150 OPEN'
			};
		case 'ask':
			return {
				text: 'Ask what only your rows can answer, in the words in which they ask it.',
				action: 'Ask your adapter'
			};
		case 'weighing':
			return { text: 'Which rows moved the reply is being measured. It takes a few seconds.' };
		case 'look':
			return {
				text: 'The bar under the reply says whose knowledge is in it. Open it: you are there, with your rows.',
				action: 'Show whose it is'
			};
		case 'pay':
			return {
				text: 'The reply is written down as owed. Many are paid together, in one transaction.',
				action: 'Go and pay'
			};
		case 'post':
			return {
				text: 'A reward root says who earned what from all payments. Anybody may post one; post it, and its bond comes back.',
				action: 'Show the roots'
			};
		case 'wait':
			return {
				text: 'For three days anybody can refute a root that lies. In the sandbox the clock can be moved on.',
				action: 'Let three days pass'
			};
		case 'finalise':
			return { text: 'Nobody refuted it. Make the root final.', action: 'Show the roots' };
		case 'claim':
			return {
				text: 'Your rows have earned their share of what the reply cost. Claim it.',
				action: 'Show what you earned'
			};
		case 'end':
			return {
				text: 'That was the whole loop: your rows taught a model, its reply named you, and you were paid. The lineage shows every step of it.',
				action: 'Walk through the lineage'
			};
	}
}
