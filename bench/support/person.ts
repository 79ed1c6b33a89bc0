export type Person = ReturnType<typeof person>;

/**
 * What a person does in the app, done from within the page: what drives a browser from outside leaves things behind in it
 * (bare-chromium.ts). Sent to the page as text, so nothing outside of it may be named.
 */
export function person() {
	const PATIENCE = 300_000;
	type Named = string | RegExp;

	const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
	const flat = (text: string | null | undefined) => (text ?? '').replace(/\s+/g, ' ').trim();

	function nameOf(element: Element): string {
		const { labels } = element as HTMLInputElement;
		const told = element.getAttribute('aria-label');
		if (told) return flat(told);
		return flat((labels?.length ? [...labels] : [element]).map(({ textContent }) => textContent).join(' '));
	}

	async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
		for (const end = performance.now() + PATIENCE; performance.now() < end; await pause(50)) {
			const found = look();
			if (found) return found;
		}
		const shown = document.querySelector('main')?.innerText;
		throw new Error(`Waited in vain for ${what} at ${location.pathname}, where it says: ${shown}`);
	}

	const all = (selector: string, name: Named) =>
		[...document.querySelectorAll<HTMLElement & { disabled?: boolean }>(selector)].filter((element) => {
			const text = nameOf(element);
			return element.checkVisibility() && (typeof name === 'string' ? text === name : name.test(text));
		});
	const find = (selector: string, name: Named) =>
		until(`${selector}, ${name}`, () =>
			all(selector, name).find(({ disabled, ariaDisabled }) => !disabled && ariaDisabled !== 'true')
		);
	const says = (text: RegExp) => until(`${text}`, () => text.test(document.body.innerText));

	async function click(selector: string, name: Named) {
		const element = await find(selector, name);
		element.scrollIntoView({ block: 'nearest' });
		element.focus();
		element.click();
		await pause(50);
	}

	async function fill(selector: string, name: Named, text: string) {
		const field = (await find(selector, name)) as HTMLInputElement | HTMLTextAreaElement;
		field.focus();
		field.value = text;
		for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, { bubbles: true }));
		await pause(50);
	}

	const room = (name: string) => click('nav[aria-label="Rooms"] a', name);
	const startAnew = () => click('a', 'OpenLedger, new chat');

	async function ask(adapter: string, question: string) {
		await click('button', /^Adapter:/);
		await click('[role=option]', new RegExp(adapter));
		await find('button', new RegExp(`^Adapter: .*${adapter}`));
		await fill('textarea', 'Message', question);
		await click('button', 'Send');
		await find('button', 'Stop');
		await until('the reply’s end', () => all('button', 'Send').length > 0);
	}

	const measured = (replies: number) =>
		until(
			`${replies} measured replies`,
			() =>
				document.querySelectorAll('article :is([data-state=measured], [data-state=unmeasured])').length >=
				replies
		);

	return {
		/** Waits until the page answers: before, a link is a link, and a button nothing. */
		ready: () => until('the page', () => !document.body.innerText.includes('Looking at the device')),

		/** So that every reply from here on costs something: of one reply's receipt a copy that tells of `free` tokens lies beside it. */
		async useUpAllowance(free: number) {
			await ask('Finance', 'What is inflation?');
			await measured(1);
			await new Promise<void>((resolve, reject) => {
				const opening = indexedDB.open('openledger-ledger');
				opening.onerror = () => reject(opening.error ?? new Error('The ledger was not opened.'));
				opening.onsuccess = () => {
					const writing = opening.result.transaction('receipts', 'readwrite');
					const receipts = writing.objectStore('receipts');
					const reading = receipts.getAll();
					reading.onsuccess = () => {
						const [first] = reading.result as { receipt: object }[];
						const receipt = { ...first?.receipt, tokens: { prompt: 0, reply: free } };
						receipts.put({ ...first, id: `0x${'0'.repeat(64)}`, receipt });
					};
					writing.oncomplete = () => {
						opening.result.close();
						resolve();
					};
					writing.onerror = () => reject(writing.error ?? new Error('The receipt was not written.'));
				};
			});
		},

		/** Becomes a contributor with money, who may post roots. */
		async joinLedger() {
			await room('Ledger');
			await click('button', 'Register as a contributor');
			await click('button', 'Deposit');
			await fill('[role=dialog] input', /^Amount in OPEN/, '5000');
			await click('[role=dialog] button', 'Deposit');
			await until('the end of the dialog', () => !document.querySelector('[role=dialog]'));
		},

		/** A new conversation of two questions, one to each of two adapters; both replies are measured. */
		async chat() {
			await startAnew();
			await ask('Finance', 'What is inflation?');
			await ask('Anatomy', 'What is a cell?');
			await measured(2);
			await startAnew();
		},

		/** A small training. @param rows as they are pasted */
		async train(rows: string) {
			await room('Factory');
			await click('a', 'Train an adapter');
			await fill('textarea', /^Rows/, rows);
			await click('button', 'Use these rows');
			await click('summary', 'Advanced settings, and several runs at once');
			await fill('input', 'Steps', '4');
			await fill('input', 'Tokens in a batch', '64');
			await fill('input', 'Steps between checks', '4');
			await click('button', 'Train');
			await says(/^Finished$/m);
		},

		/** Pays for the replies of the round before, and takes part in what that leads to; the clock of the sandbox is moved on. */
		async settle() {
			await room('Ledger');
			await click('button', /^Pay now/);
			await click('button', /^Post a root/);
			await says(/:\s+right/);
			await room('Device & storage');
			await click('button', '+ 3 days');
			await room('Ledger');
			await click('button', /^Make final/);
			await click('button', /^Claim all/);
			await until('the claim', () => all('button', /^Claim all/).some(({ disabled }) => disabled));
		},

		/** Through all rooms. */
		async walk() {
			for (const name of ['Datanets', 'Models & adapters', 'Lineage', 'Govern', 'Device & storage']) {
				await room(name);
				await find('h1', /./);
				await pause(500);
			}
			await room('Lineage');
			for (const name of ['Use of adapters', 'My data']) {
				await click('a', name);
				await pause(800);
			}
		},

		/** Two short replies by two adapters, and two new starts of the model: on the processor and on the GPU again. */
		async useGpu() {
			await startAnew();
			await ask('Finance', 'Why?');
			await ask('Anatomy', 'Why?');
			for (const [where, words] of [
				['CPU', /Nano on the CPU/],
				['GPU', /Nano on the GPU \(WebGPU\)/]
			] as const) {
				await room('Device & storage');
				await click('[role=radio], input[type=radio]', where);
				await says(words);
			}
		}
	};
}
