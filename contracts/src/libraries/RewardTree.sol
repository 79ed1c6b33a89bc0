// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The reward tree: a sparse Merkle tree of depth 32 from reward key to cumulative wei.
/// @notice An empty subtree hashes to 0, at every level. leaf = keccak256(uint32 key, uint128 cumulative), 0 for nothing;
/// node = keccak256(left, right), 0 when both are 0. Depth is fixed, so a leaf can never pass for a node.
library RewardTree {
    uint256 internal constant DEPTH = 32;

    error MalformedProof();

    function leaf(uint32 key, uint128 cumulative) internal pure returns (bytes32 h) {
        if (cumulative == 0) return 0;
        assembly ("memory-safe") {
            mstore(0, or(shl(224, key), shl(96, cumulative)))
            h := keccak256(0, 20)
        }
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 h) {
        if (left | right == 0) return 0;
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            h := keccak256(0, 64)
        }
    }

    /// @notice The root that holds `cumulative` at `key`.
    /// @param proof a uint32 map (bit i set: the sibling at level i, counted from the leaf, is not empty), then those siblings, lowest first.
    function root(uint32 key, uint128 cumulative, bytes calldata proof) internal pure returns (bytes32 h) {
        h = leaf(key, cumulative);
        // At least 4, so a proof that is too short for its map is refused below too.
        uint256 consumed;
        assembly ("memory-safe") {
            let next := add(proof.offset, 4)
            // One word to shift a level at a time: the map of siblings below, the key's bits from bit 32 on, a one above them.
            let state := or(shr(224, calldataload(proof.offset)), shl(32, or(key, 0x100000000)))
            if iszero(h) {
                // Empty beside empty stays empty, up to the first sibling.
                for {} iszero(or(and(state, 1), iszero(shr(33, state)))) {} { state := shr(1, state) }
            }
            for {} shr(33, state) {} {
                let present := and(state, 1)
                let right := and(shr(27, state), 32)
                mstore(right, h)
                mstore(xor(right, 32), mul(present, calldataload(next)))
                h := keccak256(0, 64)
                next := add(next, shl(5, present))
                state := shr(1, state)
            }
            consumed := sub(next, proof.offset)
        }
        if (consumed != proof.length) revert MalformedProof();
    }

    /// @dev The reading position in a witness and the changes to apply, ascending in key.
    struct Walk {
        uint256 next;
        uint256 end;
        uint32[] keys;
        uint256[] deltas;
    }

    /// @notice Adds deltas[i] to keys[i] for from <= i < to. Returns the root before and after.
    /// @param witness in the order of a depth-first walk, left before right: for each subtree that holds none of the keys its hash,
    /// for each key its cumulative before. The caller checks the returned `before`, which binds the whole witness.
    function apply_(uint32[] memory keys, uint256[] memory deltas, uint256 from, uint256 to, bytes32[] calldata witness)
        internal
        pure
        returns (bytes32 before, bytes32 after_)
    {
        Walk memory walk = Walk(0, witness.length, keys, deltas);
        (before, after_) = _walk(walk, DEPTH, from, to, witness);
        if (walk.next != walk.end) revert MalformedProof();
    }

    function _walk(Walk memory walk, uint256 level, uint256 from, uint256 to, bytes32[] calldata witness)
        private
        pure
        returns (bytes32 before, bytes32 after_)
    {
        if (from == to) {
            before = witness[walk.next++];
            return (before, before);
        }
        if (level == 0) {
            uint128 cumulative = uint128(uint256(witness[walk.next++]));
            uint32 key = walk.keys[from];
            return (leaf(key, cumulative), leaf(key, cumulative + uint128(walk.deltas[from])));
        }
        uint256 middle = _split(walk.keys, level - 1, from, to);
        (bytes32 leftBefore, bytes32 leftAfter) = _walk(walk, level - 1, from, middle, witness);
        (bytes32 rightBefore, bytes32 rightAfter) = _walk(walk, level - 1, middle, to, witness);
        return (node(leftBefore, rightBefore), node(leftAfter, rightAfter));
    }

    /// @dev First index in [from, to) whose key has the bit set; the keys agree above that bit, so it splits them.
    function _split(uint32[] memory keys, uint256 bit, uint256 from, uint256 to) private pure returns (uint256) {
        while (from < to) {
            uint256 middle = (from + to) / 2;
            if ((keys[middle] >> bit) & 1 == 0) from = middle + 1;
            else to = middle;
        }
        return from;
    }
}
