// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step} from "../src/core/Checkpoints.sol";
import {Claim} from "../src/core/Settlement.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Place} from "../src/Types.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

contract CheckpointsTest is World {
    using TreeKit for Tree;

    function setUp() external {
        populate();
        settle(adapter, 2, 100 ether, Steps.two(1, 100, 3, 900));
    }

    /// @dev Posts batch 1 with `extra` wei too much for `key`; returns what a refutation needs.
    function lie(uint32 key, uint256 extra) internal returns (Step memory step, Tree memory wrong) {
        wrong = honest;
        advance(wrong, 1, 0);
        wrong.add(key, extra);
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = wrong.root();
        uint256 id = post(0, 0, roots);
        step = stepOf(id, 1, bytes32(0), roots[0]);
    }

    function refute(Step memory step, uint32 key, Tree memory before, Tree memory later) internal {
        settlement.refute(step, key, before.get(key), before.proof(key), later.get(key), later.proof(key), "salt");
    }

    function test_C3_a_root_that_lies_by_one_wei_falls_in_one_transaction(uint256 pick) external {
        uint32[4] memory keys = [uint32(1), 5, Keys.DATANET | 1, Keys.TREASURY];
        uint32 key = keys[pick % 4];
        (Step memory step, Tree memory wrong) = lie(key, 1);
        refute(step, key, honest, wrong);
        vm.assertEq(settlement.checkpoint(1).refutedAt, block.timestamp);
        vm.warp(block.timestamp + 4 days);
        vm.expectRevert(Errors.NotPending.selector);
        settlement.finalise(1);
        vm.expectRevert(Errors.NothingHere.selector);
        settlement.release(1);
    }

    function test_C4_a_right_step_cannot_be_refuted(uint256 pick) external {
        uint32[6] memory keys = [uint32(1), 2, 3, Keys.DATANET | 2, Keys.TREASURY, Keys.MODEL | 2];
        (Step memory step, Tree memory right) = lie(1, 0);
        Tree memory start = honest;
        uint32 key = keys[pick % 6];
        bytes memory before = start.proof(key);
        bytes memory later = right.proof(key);
        vm.expectRevert(Errors.StepIsCorrect.selector);
        settlement.refute(step, key, 0, before, right.get(key), later, "salt");
        // nor by replaying it
        (uint32[] memory all,) = probe.all(facts(1, 0), leavesOf[1]);
        bytes32[] memory witness = start.witness(all, 0, all.length);
        vm.expectRevert(Errors.StepIsCorrect.selector);
        settlement.replay(step, all.length, witness, "salt");
    }

    function test_refutations_that_show_the_wrong_thing_are_refused() external {
        (Step memory step, Tree memory wrong) = lie(1, 1);
        Tree memory start = honest;
        bytes memory before = start.proof(1);
        bytes memory later = wrong.proof(1);
        uint128 value = wrong.get(1);
        vm.expectRevert(Errors.WrongPath.selector);
        settlement.refute(step, 1, 1, before, value, later, "");
        vm.expectRevert(Errors.WrongPath.selector);
        settlement.refute(step, 1, 0, before, value - 1, later, "");
        step.leaves = Steps.one(1, 1);
        vm.expectRevert(Errors.WrongLeaves.selector);
        settlement.refute(step, 1, 0, before, value, later, "");
        step.batch.amount += 1;
        vm.expectRevert(Errors.WrongBatch.selector);
        settlement.refute(step, 1, 0, before, value, later, "");
        step.place.index = 1;
        vm.expectRevert(Errors.WrongBatch.selector);
        settlement.refute(step, 1, 0, before, value, later, "");
        step.place.checkpoint = 9;
        vm.expectRevert(Errors.NotPending.selector);
        settlement.refute(step, 1, 0, before, value, later, "");
    }

    function test_what_was_not_refuted_in_its_window_is_final() external {
        (Step memory step, Tree memory wrong) = lie(1, 1);
        vm.expectRevert(Errors.TooEarly.selector);
        settlement.finalise(1);
        vm.expectRevert(Errors.TooEarly.selector);
        settlement.release(1);
        vm.warp(block.timestamp + 3 days);
        Tree memory start = honest;
        bytes memory before = start.proof(1);
        bytes memory later = wrong.proof(1);
        uint128 value = wrong.get(1);
        vm.expectRevert(Errors.NotPending.selector);
        settlement.refute(step, 1, 0, before, value, later, "");
        settlement.finalise(1);
        vm.assertEq(settlement.finalRoot(), wrong.root());
        vm.expectRevert(Errors.NotPending.selector);
        settlement.finalise(1);
    }

    function test_posts_that_do_not_follow_are_refused() external {
        bytes32[] memory one = new bytes32[](1);
        bytes32[] memory two = new bytes32[](2);
        one[0] = hashes[1];
        vm.startPrank(POSTER);
        vm.expectRevert(Errors.WrongBatch.selector); // no mark yet
        settlement.post(0, 0, one, one);
        settlement.mark();
        vm.expectRevert(Errors.EmptyCheckpoint.selector);
        settlement.post(0, 0, new bytes32[](0), new bytes32[](0));
        vm.expectRevert(Errors.TooManyRoots.selector);
        settlement.post(0, 0, one, new bytes32[](4_097));
        vm.expectRevert(Errors.LengthMismatch.selector);
        settlement.post(0, 0, one, two);
        vm.expectRevert(Errors.WrongBatch.selector);
        settlement.post(0, 0, two, two);
        vm.expectRevert(Errors.UnknownCheckpoint.selector);
        settlement.post(7, 0, one, one);
        vm.expectRevert(Errors.UnknownContributor.selector);
        settlement.post(0, PEOPLE + 1, one, one);
        one[0] = "another batch";
        vm.expectRevert(Errors.WrongBatch.selector);
        settlement.post(0, 0, one, one);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 0));
        vm.prank(WATCHER);
        one[0] = hashes[1];
        settlement.post(0, 0, one, one);
    }

    function test_C6_rivals_and_children_of_a_lie_hold_nobody_up() external {
        uint256 start = block.timestamp;
        settlement.mark();
        settle(adapter, 0, 5 ether, "");
        (Step memory step, Tree memory wrong) = lie(1, 1); // checkpoint 1
        (bytes32[] memory more,) = rootsOf(wrong, 1, 2, 0);
        settlement.mark();
        uint256 child = postFrom(1, 2, more); // 2, on the lie
        (bytes32[] memory roots, Tree memory right) = rootsOf(honest, 0, 2, 4);
        uint256 rival = post(0, 4, roots); // 3, honest, at the same time
        refute(step, 1, honest, wrong);
        vm.warp(start + 3 days);
        settlement.finalise(rival);
        vm.assertEq(settlement.finalRoot(), right.root());
        vm.expectRevert(Errors.NotPending.selector);
        settlement.finalise(child);
        uint256 before = settlement.balanceOf(POSTER);
        settlement.release(child);
        vm.assertEq(settlement.balanceOf(POSTER), before + 100 ether);
        // the poster's share
        vm.assertEq(right.get(4), 0.2 ether + 0.01 ether);
    }

    function postFrom(uint256 parent, uint256 first, bytes32[] memory roots) internal returns (uint256) {
        bytes32[] memory batchHashes = new bytes32[](roots.length);
        for (uint256 i; i < roots.length; ++i) batchHashes[i] = hashes[first + i];
        vm.prank(POSTER);
        return settlement.post(parent, 0, batchHashes, roots);
    }

    function test_a_step_in_the_middle_is_refuted_by_its_path() external {
        settle(adapter, 0, 5 ether, "");
        settle(adapter, 1, 7 ether, Steps.one(4, 9));
        (bytes32[] memory roots, Tree memory t) = rootsOf(honest, 0, 3, 0);
        (, Tree memory before) = rootsOf(honest, 0, 1, 0);
        Tree memory wrong = before.copy();
        advance(wrong, 2, 0);
        wrong.add(Keys.DATANET | 1, 1);
        roots[1] = wrong.root();
        t;
        uint256 id = post(0, 0, roots);
        Step memory step = stepOf(id, 2, roots[0], roots[1]);
        step.place.index = 1;
        step.place.path = new bytes32[](2);
        step.place.path[0] = keccak256(abi.encodePacked(bytes32(0), roots[0], hashes[1]));
        step.place.path[1] = keccak256(
            abi.encode(keccak256(abi.encodePacked(roots[1], roots[2], hashes[3])), bytes32(0))
        );
        refute(step, Keys.DATANET | 1, before, wrong);
        vm.assertGt(settlement.checkpoint(id).refutedAt, 0);
        // the batch is real all the same
        vm.assertEq(settlement.batchId(step.place, step.batch), 2);
    }

    // ---- claims

    function test_K3_anyone_claims_for_another_several_at_once() external {
        checkpointAll();
        Claim[] memory claims = new Claim[](3);
        uint32[3] memory keys = [uint32(1), 3, Keys.TREASURY];
        for (uint256 i; i < 3; ++i) claims[i] = Claim(keys[i], honest.get(keys[i]), honest.proof(keys[i]));
        vm.prank(WATCHER);
        vm.assertEq(settlement.claimMany(claims), 12.25 ether + honest.get(Keys.TREASURY));
        vm.assertEq(person(1).balance, 3.5 ether);
        vm.assertEq(settlement.balanceOf(address(timelock)), honest.get(Keys.TREASURY) + 30 ether);
        vm.assertEq(settlement.claimMany(claims), 0);
    }

    function test_K1_a_claim_that_the_root_does_not_hold_is_refused(uint128 cumulative) external {
        checkpointAll();
        vm.assume(cumulative != honest.get(1));
        bytes memory proof = honest.proof(1);
        vm.expectRevert(Errors.WrongPath.selector);
        settlement.claim(1, cumulative, proof);
    }

    /// @dev Owner and paid sum share a word. Twelve payments of all that an account can hold, a tenth of each to a host.
    function test_K1_a_person_is_paid_what_its_word_holds_and_stops_nobody() external {
        uint96 most = type(uint96).max;
        for (uint160 i; i < 12; ++i) {
            address payer = address(0xCC00 + i);
            fund(payer, most);
            settleAs(payer, adapter, 2, most, bytes32(0), "");
        }
        checkpointAll();
        vm.assertGt(honest.get(2), most);
        Claim[] memory claims = new Claim[](2);
        claims[0] = Claim(2, honest.get(2), honest.proof(2));
        claims[1] = Claim(1, honest.get(1), honest.proof(1));
        settlement.claimMany(claims);
        vm.assertEq(person(2).balance, most);
        vm.assertEq(settlement.claimed(2), most);
        vm.assertEq(settlement.claimed(1), honest.get(1));
        vm.assertEq(claim(2), 0);
        vm.assertEq(settlement.personOwner(2), person(2));
    }

    function test_nothing_can_be_claimed_before_the_first_checkpoint() external {
        vm.expectRevert(Errors.WrongPath.selector);
        settlement.claim(1, 1 ether, hex"00000000");
        vm.assertEq(settlement.claim(1, 0, hex"00000000"), 0);
    }

    function test_pools_and_auditors_get_their_income() external {
        checkpointAll();
        vm.assertEq(claim(Keys.MODEL_POOL | adapter), 3 ether);
        vm.assertEq(claim(Keys.HOST_POOL | 2), 3 ether);
        vm.assertEq(claim(Keys.AUDITORS), 3 ether);
        vm.assertEq(settlement.balanceOf(address(staking)), 9 ether);
    }
}
