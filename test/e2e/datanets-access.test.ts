import { expect, test } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { datanetDialogs } from '#test/support/tour.ts';
import { visit } from '#test/support/visit.ts';
import { DatanetsApp } from './datanets-app.ts';

/** A folder to put a picture of each page into, for whoever wants to look. */
const PICTURES = process.env.PICTURES;

test.each([
	{ phone: false, dark: false },
	{ phone: true, dark: true },
	...(PICTURES
		? [
				{ phone: false, dark: true },
				{ phone: true, dark: false }
			]
		: [])
])('axe finds nothing on any Datanet page; phone $phone, dark $dark', async (look) => {
	const person = await DatanetsApp.open(look);
	const { page } = person;
	if (!look.phone) await page.setViewportSize({ width: 1280, height: 800 });
	const seen: Record<string, string[]> = {};
	const check = async (name: string) => {
		const found = await violations(page);
		if (found.length) seen[name] = found;
		const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		if (width > 0) seen[`${name}, width`] = [`${width} px too wide`];
		if (PICTURES)
			await page.screenshot({
				path: `${PICTURES}/${look.phone ? 'phone' : 'desk'}-${look.dark ? 'dark' : 'light'}-${name}.png`
			});
	};
	await person.button(/^Try the sample/).waitFor();
	await check('none');
	await person.button(/^Try the sample/).click();
	await page.getByRole('heading', { name: 'Whose knowledge this is' }).waitFor();
	await check('overview');
	await person.tab('Rows');
	await (look.phone ? page.getByRole('region', { name: /^Row/ }) : page.locator('#cell-0-0')).waitFor();
	await check('rows');
	if (!look.phone) {
		await page.getByRole('row').nth(4).getByRole('gridcell').nth(1).click();
		await page.keyboard.press('o');
		await page.getByRole('region', { name: /^Row/ }).waitFor();
		await page.keyboard.press('Control+a');
		await check('row');
	}
	await person.button('Row').click();
	await page.getByRole('dialog').waitFor();
	await check('new row');
	await page.keyboard.press('Escape');
	await person.tab('Checks');
	await person.button('Check all rows').click();
	await page.getByText('What was found').waitFor();
	await check('checks');
	await person.tab('Review');
	await page.getByRole('heading', { name: 'Rows that others offer' }).waitFor();
	await check('review');
	await person.tab('Versions');
	await page.getByRole('list').last().waitFor();
	await check('versions');
	for (const item of ['Save as a file', 'Offer rows to a curator', 'Publish on Hugging Face']) {
		await person.share(item);
		await check(item);
		await page.keyboard.press('Escape');
	}
	await visit(page, page.url().replace('/versions', '/import'));
	await person.button('Choose files').waitFor();
	await check('import');
	await person.choose(person.button('Choose files'), {
		name: 'bones.csv',
		mimeType: 'text/csv',
		buffer: Buffer.from('Question;Right answer\nWhat is a joint?;Where two bones meet.\n')
	});
	await person.button('Import').waitFor();
	await check('import preview');
	if (look.phone) await datanetDialogs(page, check);
	await visit(page, '/datanets');
	await page.getByRole('heading', { name: 'You as a contributor' }).waitFor();
	await check('list');
	await person.button('Link a wallet').click();
	await page.getByText('No wallet was found').waitFor();
	await check('wallet');
	expect(seen).toEqual({});
});
