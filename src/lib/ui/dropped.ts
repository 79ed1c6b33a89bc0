/** Every file of a drop, folders included, with folders flattened. Must be called before the drop handler returns. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
	const entries = [...transfer.items]
		.map((item) => item.webkitGetAsEntry())
		.filter((entry) => entry !== null);
	const files = await Promise.all(entries.map(filesOf));
	return files.flat();
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
	if (entry.isFile)
		return [
			await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
		];
	const reader = (entry as FileSystemDirectoryEntry).createReader();
	const inside: FileSystemEntry[] = [];
	// A reader hands out a hundred at a time, and nothing when it is through.
	for (;;) {
		const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
			reader.readEntries(resolve, reject)
		);
		if (some.length === 0) break;
		inside.push(...some);
	}
	return (await Promise.all(inside.map(filesOf))).flat();
}
