// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @dev A reward tree kept as a sorted list, hashed anew each time: slow, plain, and written apart from RewardTree.
struct Tree {
    uint32[] keys;
    uint128[] values;
}

library TreeKit {
    function add(Tree memory t, uint32 key, uint256 delta) internal pure {
        if (delta == 0) return;
        uint256 n = t.keys.length;
        uint256 spot;
        while (spot < n && t.keys[spot] < key) ++spot;
        if (spot < n && t.keys[spot] == key) {
            t.values[spot] += uint128(delta);
            return;
        }
        uint32[] memory keys = new uint32[](n + 1);
        uint128[] memory values = new uint128[](n + 1);
        for (uint256 i; i <= n; ++i) {
            keys[i] = i == spot ? key : t.keys[i < spot ? i : i - 1];
            values[i] = i == spot ? uint128(delta) : t.values[i < spot ? i : i - 1];
        }
        (t.keys, t.values) = (keys, values);
    }

    function get(Tree memory t, uint32 key) internal pure returns (uint128) {
        for (uint256 i; i < t.keys.length; ++i) {
            if (t.keys[i] == key) return t.values[i];
        }
        return 0;
    }

    function total(Tree memory t) internal pure returns (uint256 sum) {
        for (uint256 i; i < t.values.length; ++i) sum += t.values[i];
    }

    function copy(Tree memory t) internal pure returns (Tree memory c) {
        c.keys = new uint32[](t.keys.length);
        c.values = new uint128[](t.keys.length);
        for (uint256 i; i < t.keys.length; ++i) (c.keys[i], c.values[i]) = (t.keys[i], t.values[i]);
    }

    function root(Tree memory t) internal pure returns (bytes32) {
        return _hash(t, 32, 0, t.keys.length);
    }

    function proof(Tree memory t, uint32 key) internal pure returns (bytes memory) {
        (uint256 from, uint256 to) = (0, t.keys.length);
        uint32 map;
        bytes memory siblings;
        for (uint256 above = 32; above > 0; --above) {
            uint256 level = above - 1;
            uint256 middle = _cut(t.keys, level, from, to);
            bool right = (key >> level) & 1 == 1;
            bytes32 sibling = right ? _hash(t, level, from, middle) : _hash(t, level, middle, to);
            if (right) from = middle;
            else to = middle;
            if (sibling != 0) {
                map |= uint32(1) << uint32(level);
                siblings = abi.encodePacked(sibling, siblings);
            }
        }
        return abi.encodePacked(map, siblings);
    }

    /// @dev What RewardTree.apply_ reads, for touched[from..to).
    function witness(Tree memory t, uint32[] memory touched, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32[] memory words)
    {
        bytes memory packed = _witness(t, touched, 32, [uint256(0), t.keys.length, from, to]);
        words = new bytes32[](packed.length / 32);
        for (uint256 i; i < words.length; ++i) {
            assembly {
                mstore(add(words, mul(32, add(i, 1))), mload(add(packed, mul(32, add(i, 1)))))
            }
        }
    }

    function _witness(Tree memory t, uint32[] memory touched, uint256 level, uint256[4] memory r)
        private
        pure
        returns (bytes memory)
    {
        if (r[2] == r[3]) return abi.encode(_hash(t, level, r[0], r[1]));
        if (level == 0) return abi.encode(r[0] == r[1] ? 0 : t.values[r[0]]);
        uint256 middle = _cut(t.keys, level - 1, r[0], r[1]);
        uint256 cut = _cut(touched, level - 1, r[2], r[3]);
        return bytes.concat(
            _witness(t, touched, level - 1, [r[0], middle, r[2], cut]),
            _witness(t, touched, level - 1, [middle, r[1], cut, r[3]])
        );
    }

    function _hash(Tree memory t, uint256 level, uint256 from, uint256 to) private pure returns (bytes32) {
        if (from == to) return 0;
        if (level == 0) return keccak256(abi.encodePacked(t.keys[from], t.values[from]));
        uint256 middle = _cut(t.keys, level - 1, from, to);
        return keccak256(abi.encode(_hash(t, level - 1, from, middle), _hash(t, level - 1, middle, to)));
    }

    function _cut(uint32[] memory keys, uint256 bit, uint256 from, uint256 to) private pure returns (uint256 spot) {
        spot = from;
        while (spot < to && (keys[spot] >> bit) & 1 == 0) ++spot;
    }
}
