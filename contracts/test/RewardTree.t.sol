// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RewardTree} from "../src/libraries/RewardTree.sol";
import {Transitions} from "../src/libraries/Transitions.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {bound, vm} from "./support/Test.sol";

contract RewardTreeTest {
    using TreeKit for Tree;

    Tree empty;

    function rootOf(uint32 key, uint128 cumulative, bytes calldata proof) external pure returns (bytes32) {
        return RewardTree.root(key, cumulative, proof);
    }

    function applied(
        uint32[] memory keys,
        uint256[] memory deltas,
        uint256 from,
        uint256 to,
        bytes32[] calldata witness
    ) external pure returns (bytes32, bytes32) {
        return RewardTree.apply_(keys, deltas, from, to, witness);
    }

    function transitions(bytes32 before, bytes32 chain, bytes32[] calldata batches, bytes32[] calldata roots)
        external
        pure
        returns (bytes32, bytes32)
    {
        return Transitions.root(before, chain, batches, roots);
    }

    function holds(bytes32 top, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata path)
        external
        pure
        returns (bool)
    {
        return Transitions.holds(top, leaf, index, count, path);
    }

    function grow(uint32[] memory keys, uint64[] memory values) internal view returns (Tree memory t) {
        t = empty;
        uint256 n = keys.length < values.length ? keys.length : values.length;
        if (n > 8) n = 8;
        // Small keys and large ones, so that subtrees are both dense and sparse.
        for (uint256 i; i < n; ++i) t.add(i % 2 == 0 ? keys[i] : keys[i] % 64, values[i]);
    }

    function testFuzz_every_key_proves_its_value_and_no_other(
        uint32[] memory keys,
        uint64[] memory values,
        uint32 absent,
        uint64 lie
    ) external view {
        Tree memory t = grow(keys, values);
        bytes32 root = t.root();
        for (uint256 i; i < t.keys.length; ++i) {
            bytes memory proof = t.proof(t.keys[i]);
            vm.assertEq(this.rootOf(t.keys[i], t.values[i], proof), root);
            if (lie != t.values[i]) vm.assertFalse(this.rootOf(t.keys[i], lie, proof) == root);
        }
        if (t.get(absent) == 0) {
            vm.assertEq(this.rootOf(absent, 0, t.proof(absent)), root, "absent");
            if (lie != 0) vm.assertFalse(this.rootOf(absent, lie, t.proof(absent)) == root);
        }
    }

    function testFuzz_a_key_in_the_tree_cannot_be_proved_absent(uint32[] memory keys, uint64[] memory values, uint32 map)
        external
        view
    {
        Tree memory t = grow(keys, values);
        if (t.keys.length == 0) return;
        // The tree's own hashes at any levels, the root itself among them, are of no help.
        bytes memory forged = abi.encodePacked(map);
        for (uint32 m = map; m != 0; m &= m - 1) forged = abi.encodePacked(forged, t.root());
        vm.assertFalse(this.rootOf(t.keys[0], 0, forged) == t.root());
    }

    function testFuzz_replaying_gives_the_tree_of_the_sums(
        uint32[] memory keys,
        uint64[] memory values,
        uint32[] memory moreKeys,
        uint64[] memory moreValues,
        uint256 cut
    ) external view {
        Tree memory t = grow(keys, values);
        Tree memory change = grow(moreKeys, moreValues);
        uint256[] memory deltas = new uint256[](change.keys.length);
        for (uint256 i; i < deltas.length; ++i) deltas[i] = change.values[i];
        cut = bound(cut, 0, deltas.length);
        Tree memory half = t.copy();
        for (uint256 i; i < cut; ++i) half.add(change.keys[i], deltas[i]);
        (bytes32 b, bytes32 a) = this.applied(change.keys, deltas, 0, cut, t.witness(change.keys, 0, cut));
        vm.assertEq(b, t.root());
        vm.assertEq(a, half.root());
        uint256 n = deltas.length;
        (b, a) = this.applied(change.keys, deltas, cut, n, half.witness(change.keys, cut, n));
        vm.assertEq(b, half.root());
        for (uint256 i = cut; i < n; ++i) half.add(change.keys[i], deltas[i]);
        vm.assertEq(a, half.root());
    }

    function test_malformed_proofs_are_refused() external {
        vm.expectRevert(RewardTree.MalformedProof.selector);
        this.rootOf(1, 1, hex"000000");
        vm.expectRevert(RewardTree.MalformedProof.selector);
        this.rootOf(1, 1, hex"0000000000");
        vm.expectRevert(RewardTree.MalformedProof.selector);
        this.rootOf(1, 1, hex"00000001");
        bytes32[] memory witness = new bytes32[](2);
        vm.expectRevert(RewardTree.MalformedProof.selector);
        this.applied(new uint32[](0), new uint256[](0), 0, 0, witness);
    }

    function steps(bytes32 seed, uint256 count)
        internal
        pure
        returns (bytes32[] memory roots, bytes32[] memory batches, bytes32[] memory row, bytes32 chain)
    {
        (roots, batches, row) = (new bytes32[](count), new bytes32[](count), new bytes32[](32));
        chain = seed;
        for (uint256 i; i < count; ++i) {
            (roots[i], batches[i]) = (keccak256(abi.encode(seed, i)), keccak256(abi.encode(i, seed)));
            chain = keccak256(abi.encode(chain, batches[i]));
            row[i] = keccak256(abi.encodePacked(i == 0 ? seed : roots[i - 1], roots[i], batches[i]));
        }
    }

    function pathOf(bytes32[] memory row, uint256 count, uint256 index) internal pure returns (bytes32[] memory path) {
        path = new bytes32[](Transitions.depth(count));
        for (uint256 d; d < path.length; ++d) {
            path[d] = row[index ^ 1];
            for (uint256 i; i < 16; ++i) row[i] = keccak256(abi.encode(row[2 * i], row[2 * i + 1]));
            index /= 2;
        }
    }

    function built(bytes32 seed, uint256 count) internal view returns (bytes32 top, bytes32[] memory row) {
        bytes32[] memory roots;
        bytes32[] memory batches;
        bytes32 chain;
        (roots, batches, row, chain) = steps(seed, count);
        bytes32 end;
        (top, end) = this.transitions(seed, seed, batches, roots);
        vm.assertEq(end, chain);
    }

    function testFuzz_transitions_hold_each_step_at_its_place(bytes32 seed, uint256 count, uint256 index, uint256 other)
        external
        view
    {
        count = bound(count, 1, 20);
        (index, other) = (bound(index, 0, count - 1), bound(other, 0, 40));
        (bytes32 top, bytes32[] memory row) = built(seed, count);
        bytes32 leaf = row[index];
        bytes32[] memory path = pathOf(row, count, index);
        vm.assertTrue(this.holds(top, leaf, index, count, path));
        if (other != index) vm.assertFalse(this.holds(top, leaf, other, count, path));
        vm.assertFalse(this.holds(top, bytes32(uint256(leaf) ^ 1), index, count, path));
        vm.assertFalse(this.holds(top, leaf, index, count, new bytes32[](path.length + 1)));
    }
}
