// Reads arrays of a Zarr archive in a folder with zarrita, and answers with their exact bytes.
//
//     node read_zarr.mjs FOLDER PATH...
//
// prints for each path one line of JSON: {path, dtype, shape, stride, base64, attributes, names}, with `strings`
// in place of `base64` if it holds strings; {path, attributes} of a group; {path, error} of what it cannot read.

import { Buffer } from "node:buffer";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as zarr from "zarrita";

// zarrita reads through any object with `get`. It brings one for HTTP; the one for folders is a package of its own.
class Folder {
	constructor(path) {
		this.path = path;
	}

	async get(key) {
		return await orUndefined(() => readFile(join(this.path, key)));
	}

	async getRange(key, { suffixLength, offset, length }) {
		return await orUndefined(async () => {
			const file = await open(join(this.path, key));
			try {
				const start = offset ?? (await file.stat()).size - suffixLength;
				const { buffer, bytesRead } = await file.read(Buffer.alloc(length ?? suffixLength), { position: start });
				return buffer.subarray(0, bytesRead);
			} finally {
				await file.close();
			}
		});
	}
}

async function orUndefined(read) {
	try {
		return new Uint8Array(await read());
	} catch (error) {
		if (error.code === "ENOENT") return undefined;
		throw error;
	}
}

async function answer(root, path) {
	const node = await zarr.open.v3(root.resolve(path));
	if (node instanceof zarr.Group) return { attributes: node.attrs };
	// Of an array without dimensions zarrita gives the number itself; its only chunk still has the bytes.
	const { data, stride } = node.shape.length === 0 ? await node.getChunk([]) : await zarr.get(node);
	const { dtype, shape, attrs: attributes, dimensionNames: names } = node;
	if (dtype === "string") return { dtype, shape, strings: data, attributes, names };
	const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
	return { dtype, shape, stride, base64: bytes.toString("base64"), attributes, names };
}

const [folder, ...paths] = process.argv.slice(2);
const root = zarr.root(new Folder(folder));
for (const path of paths) {
	let line;
	try {
		line = await answer(root, path);
	} catch (error) {
		line = { error: error.cause ? `${error.message}: ${error.cause.message}` : error.message };
	}
	console.log(JSON.stringify({ path, ...line }));
}
