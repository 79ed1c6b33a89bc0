// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Transitions: a Merkle tree over the steps of a checkpoint, so that a refutation shows one step, not all.
/// @notice Leaf i is keccak256(root before batch i, root after it, batch i's hash); zeros fill the row up to a power of two.
library Transitions {
    /// @return top the tree's root; @return chain the running hash over all batches after these.
    function root(bytes32 before, bytes32 chain, bytes32[] calldata batches, bytes32[] calldata roots)
        internal
        pure
        returns (bytes32 top, bytes32)
    {
        uint256 width = 2 ** depth(roots.length);
        bytes32[] memory row = new bytes32[](width);
        for (uint256 i; i < roots.length; ++i) {
            row[i] = leaf(before, roots[i], batches[i]);
            chain = hash(chain, batches[i]);
            before = roots[i];
        }
        for (; width > 1; width >>= 1) {
            for (uint256 i; i < width; i += 2) row[i >> 1] = hash(row[i], row[i + 1]);
        }
        return (row[0], chain);
    }

    /// @notice Whether `h` is leaf `index` of the `count` under `top`.
    function holds(bytes32 top, bytes32 h, uint256 index, uint256 count, bytes32[] calldata path)
        internal
        pure
        returns (bool)
    {
        if (index >= count || path.length != depth(count)) return false;
        for (uint256 i; i < path.length; ++i) {
            h = (index >> i) & 1 == 0 ? hash(h, path[i]) : hash(path[i], h);
        }
        return h == top;
    }

    function leaf(bytes32 before, bytes32 later, bytes32 batch) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(before, later, batch));
    }

    /// @dev ceil(log2(count)), 0 for one.
    function depth(uint256 count) internal pure returns (uint256 d) {
        while (2 ** d < count) ++d;
    }

    function hash(bytes32 left, bytes32 right) internal pure returns (bytes32 h) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            h := keccak256(0, 64)
        }
    }
}
