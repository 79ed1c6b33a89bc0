// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step} from "../src/core/Checkpoints.sol";
import {Claim} from "../src/core/Settlement.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Test.sol";

/// @dev Takes no coin, burns what gas it gets, or calls back.
contract Recipient {
    enum Mood {
        Refuses,
        Burns,
        Reenters
    }

    World immutable world;
    Mood public mood;
    bytes public call_;
    address immutable core;

    constructor(address core_) {
        core = core_;
        world = World(msg.sender);
    }

    function set(Mood m, bytes calldata c) external {
        (mood, call_) = (m, c);
    }

    function run(bytes calldata data) external {
        (bool ok,) = core.call(data);
        require(ok, "run");
    }

    receive() external payable {
        if (mood == Mood.Refuses) revert("no");
        if (mood == Mood.Burns) while (true) {}
        (bool ok,) = core.call(call_);
        ok;
    }
}

/// @dev Calls settle from its constructor with leaves that stand in no calldata.
contract Hider {
    constructor(address core, uint32 model) payable {
        (bool a,) = core.call{value: msg.value}(abi.encodeWithSignature("deposit()"));
        bytes memory leaves = Steps.one(uint32(block.timestamp % 5) + 1, uint16(block.number));
        (bool b,) = core.call(
            abi.encodeWithSignature(
                "settle(uint32,uint32,uint96,uint32,bytes32,bytes)", model, 0, 1 ether, 0, bytes32(0), leaves
            )
        );
        require(a && b, "hide");
    }
}

/// @notice One test for each attack in the research, and for those found since (docs/settlement.md, "Attacks").
contract AttacksTest is World {
    using TreeKit for Tree;

    bytes32 constant SALT = "salt";

    function setUp() external {
        populate();
        settle(adapter, 2, 100 ether, Steps.two(1, 100, 3, 900));
    }

    function lie(uint32 key, uint256 extra) internal returns (Step memory step, Tree memory wrong) {
        wrong = honest;
        advance(wrong, 1, 0);
        wrong.add(key, extra);
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = wrong.root();
        step = stepOf(post(0, 0, roots), 1, bytes32(0), roots[0]);
    }

    function refuteAs(address who, Step memory step, uint32 key, Tree memory wrong) internal {
        Tree memory start = honest;
        bytes memory before = start.proof(key);
        bytes memory later = wrong.proof(key);
        uint128 value = wrong.get(key);
        vm.prank(who);
        settlement.refute(step, key, 0, before, value, later, SALT);
    }

    function commitAs(address who, uint256 checkpoint, uint256 index, uint32 key) internal {
        vm.prank(who);
        settlement.commit(keccak256(abi.encode(who, checkpoint, index, key, SALT)));
    }

    // ---- the seven holes of the prototype

    /// @dev (a) Somebody copies a refutation out of the mempool and gets in first.
    function test_attack_a_front_run_challenge() external {
        (Step memory step, Tree memory wrong) = lie(1, 1);
        commitAs(WATCHER, 1, 0, 1);
        vm.warp(block.timestamp + 10 minutes);
        // The copier sees WATCHER's transaction, commits and refutes at once, before him.
        address copier = address(0xC0);
        commitAs(copier, 1, 0, 1);
        refuteAs(copier, step, 1, wrong);
        vm.assertEq(settlement.balanceOf(copier), 0);
        // The checkpoint is void, and the reward still waits for who knew first.
        refuteAs(WATCHER, step, 1, wrong);
        vm.assertEq(settlement.balanceOf(WATCHER), 50 ether);
        vm.warp(block.timestamp + 10 minutes);
        Tree memory start = honest;
        bytes memory before = start.proof(1);
        bytes memory later = wrong.proof(1);
        uint128 value = wrong.get(1);
        vm.prank(copier);
        vm.expectRevert(Errors.NotPending.selector);
        settlement.refute(step, 1, 0, before, value, later, SALT);
    }

    function test_attack_a_copied_or_late_commitments_earn_nothing() external {
        (Step memory step, Tree memory wrong) = lie(1, 1);
        commitAs(WATCHER, 1, 0, 1);
        vm.prank(address(0xC0));
        vm.expectRevert(Errors.AlreadyDone.selector);
        settlement.commit(keccak256(abi.encode(WATCHER, 1, 0, 1, SALT)));
        vm.warp(block.timestamp + 10 minutes - 1);
        refuteAs(WATCHER, step, 1, wrong);
        vm.assertEq(settlement.balanceOf(WATCHER), 0);
        Tree memory start = honest;
        bytes memory before = start.proof(1);
        bytes memory later = wrong.proof(1);
        uint128 value = wrong.get(1);
        vm.warp(block.timestamp + 10 minutes);
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NothingHere.selector);
        settlement.refute(step, 1, 0, before, value, later, SALT);
    }

    /// @dev (b) A poster refutes himself to save his bond.
    function test_attack_b_self_challenge() external {
        uint256 before = settlement.balanceOf(POSTER);
        (Step memory step, Tree memory wrong) = lie(1, 1 ether);
        commitAs(POSTER, 1, 0, 1);
        vm.warp(block.timestamp + 10 minutes);
        refuteAs(POSTER, step, 1, wrong);
        vm.assertEq(settlement.balanceOf(POSTER), before - 50 ether);
        vm.assertEq(settlement.balanceOf(address(timelock)), 30 ether + 50 ether);
    }

    /// @dev (c) A spammer keeps a wrong checkpoint pending so that no other gets in.
    function test_attack_c_stalling_with_pending_checkpoints() external {
        uint256 start = block.timestamp;
        for (uint256 i = 1; i <= 5; ++i) lie(1, i);
        (bytes32[] memory roots,) = rootsOf(honest, 0, 1, 0);
        uint256 id = post(0, 0, roots);
        vm.warp(start + 3 days);
        settlement.finalise(id);
        vm.assertEq(settlement.finalRoot(), roots[0]);
        // The wrong ones can never follow.
        vm.expectRevert(Errors.NotPending.selector);
        settlement.finalise(1);
    }

    /// @dev (d) Rounding dust is nobody's and stays for ever.
    function test_attack_d_dust() external {
        settle(adapter, 3, 7, Steps.two(1, 3, 3, 4));
        settle(adapter, 0, 9_999, "");
        checkpointAll();
        vm.assertEq(honest.total(), 100 ether + 7 + 9_999);
    }

    /// @dev (e) A balance cannot leave, an id cannot move.
    function test_attack_e_no_way_out() external {
        uint256 before = PAYER.balance;
        (, uint256 free,) = settlement.accountOf(PAYER);
        vm.prank(PAYER);
        settlement.withdraw(free, PAYER);
        vm.assertEq(PAYER.balance, before + free);
        vm.prank(person(1));
        settlement.offer(1, WATCHER);
        vm.prank(WATCHER);
        settlement.accept(1);
        vm.assertEq(settlement.personOwner(1), WATCHER);
    }

    /// @dev (f) Nobody watches, because honest days pay nothing: a planted lie pays whoever looks.
    function test_attack_f_unpaid_watchers() external {
        uint256 treasury = settlement.balanceOf(address(timelock));
        (Step memory step, Tree memory wrong) = lie(3, 5); // planted, out of a grant
        commitAs(WATCHER, 1, 0, 3);
        vm.warp(block.timestamp + 1 hours);
        refuteAs(WATCHER, step, 3, wrong);
        vm.assertEq(settlement.balanceOf(WATCHER), 50 ether);
        vm.assertEq(settlement.balanceOf(address(timelock)), treasury + 50 ether);
    }

    function test_attack_f_a_reward_that_nobody_fetches_goes_to_the_treasury() external {
        (Step memory step, Tree memory wrong) = lie(3, 5);
        vm.expectRevert(Errors.NothingHere.selector);
        settlement.sweep(1);
        refuteAs(WATCHER, step, 3, wrong);
        vm.expectRevert(Errors.TooEarly.selector);
        settlement.sweep(1);
        vm.warp(block.timestamp + 7 days);
        settlement.sweep(1);
        vm.assertEq(settlement.balanceOf(address(timelock)), 30 ether + 100 ether);
        vm.expectRevert(Errors.NothingHere.selector);
        settlement.sweep(1);
    }

    /// @dev (g) Leaves that two readers could read in two ways. LeavesTest compares all readers on random bytes.
    function test_attack_g_malformed_leaves() external {
        vm.startPrank(PAYER);
        for (uint256 n = 1; n < 9; ++n) {
            if (n % 3 == 0) continue;
            vm.expectRevert(Errors.MalformedLeaves.selector);
            settlement.settle(adapter, 0, 1 ether, 1, 0, new bytes(n));
        }
        vm.stopPrank();
        // Steps that go nowhere are nobody's: the static units get it all.
        settle(adapter, 0, 1 ether, hex"000000000000");
        (uint32[] memory keys, uint256[] memory rewards) = probe.all(facts(2, 0), leavesOf[2]);
        for (uint256 i; i < keys.length; ++i) if (keys[i] <= PEOPLE) vm.assertEq(rewards[i], 0);
    }

    // ---- found since

    /// @dev The poster shows nobody the tree behind his root, so no key of it can be proved wrong.
    function test_attack_withheld_tree() external {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = keccak256("a tree that only the poster knows");
        Step memory step = stepOf(post(0, 0, roots), 1, bytes32(0), roots[0]);
        (uint32[] memory keys,) = probe.all(facts(1, 0), leavesOf[1]);
        Tree memory t = honest;
        commitAs(WATCHER, 1, 0, type(uint32).max);
        vm.warp(block.timestamp + 1 hours);
        // in two goes, by two people
        bytes32[] memory witness = t.witness(keys, 0, 4);
        vm.prank(address(0xC1));
        settlement.replay(step, 4, witness, SALT);
        (uint32[] memory all, uint256[] memory rewards) = probe.all(facts(1, 0), leavesOf[1]);
        for (uint256 i; i < 4; ++i) t.add(all[i], rewards[i]);
        witness = t.witness(keys, 4, keys.length);
        vm.prank(WATCHER);
        settlement.replay(step, keys.length, witness, SALT);
        vm.assertGt(settlement.checkpoint(1).refutedAt, 0);
        vm.assertEq(settlement.balanceOf(WATCHER), 50 ether);
    }

    function test_attack_replay_with_a_false_witness() external {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = keccak256("lie");
        Step memory step = stepOf(post(0, 0, roots), 1, bytes32(0), roots[0]);
        (uint32[] memory keys,) = probe.all(facts(1, 0), leavesOf[1]);
        Tree memory t = honest;
        bytes32[] memory witness = t.witness(keys, 0, keys.length);
        witness[0] = bytes32(uint256(1));
        vm.expectRevert(Errors.WrongWitness.selector);
        settlement.replay(step, keys.length, witness, SALT);
        vm.expectRevert(Errors.WrongWitness.selector);
        settlement.replay(step, 0, witness, SALT);
    }

    /// @dev The payer makes the leaves up on the way, so that no watcher finds them in any calldata.
    function test_attack_withheld_leaves() external {
        vm.deal(address(this), 100 ether);
        vm.recordLogs();
        new Hider{value: 100 ether}(address(settlement), adapter);
        bytes memory logged = lastLeaves();
        vm.assertEq(keccak256(logged), keccak256(Steps.one(uint32(block.timestamp % 5) + 1, uint16(block.number))));
    }

    function lastLeaves() internal returns (bytes memory leaves) {
        bytes memory data = vm.getRecordedLogs()[1].data;
        (,,,,, leaves) = abi.decode(data, (uint256, uint32, uint96, uint32, bytes32, bytes));
    }

    /// @dev A recipient refuses the coin, burns gas or calls back, while others are paid in the same transaction.
    function test_attack_griefing_recipient() external {
        for (uint256 mood; mood < 3; ++mood) {
            Recipient r = new Recipient(address(settlement));
            uint32 id = settlement.register(address(r));
            settle(adapter, 0, 100 ether, Steps.two(4, 100, id, 100));
            checkpointAll();
            Claim[] memory claims = new Claim[](2);
            claims[0] = Claim(id, honest.get(id), honest.proof(id));
            claims[1] = Claim(4, honest.get(4), honest.proof(4));
            r.set(Recipient.Mood(mood), abi.encodeCall(settlement.claim, (id, claims[0].cumulative, claims[0].proof)));
            uint256 had = person(4).balance;
            settlement.claimMany{gas: 1_000_000}(claims);
            vm.assertEq(person(4).balance, had + 10.5 ether);
            // Calling back gained nothing; refusing put it into the prepaid balance.
            vm.assertEq(settlement.balanceOf(address(r)) + address(r).balance, 10.5 ether);
            vm.assertEq(settlement.claimed(id), 10.5 ether);
        }
    }

    function test_attack_reentrant_withdrawal() external {
        Recipient r = new Recipient(address(settlement));
        settlement.depositFor{value: 0.5 ether}(address(r));
        r.set(Recipient.Mood.Reenters, abi.encodeCall(settlement.withdraw, (0.5 ether, address(r))));
        r.run(abi.encodeCall(settlement.withdraw, (0.5 ether, address(r))));
        vm.assertEq(address(r).balance, 0.5 ether);
        vm.assertEq(settlement.balanceOf(address(r)), 0);
        settlement.depositFor{value: 1 ether}(address(r));
        r.set(Recipient.Mood.Refuses, "");
        vm.prank(address(r));
        vm.expectRevert(Errors.TransferFailed.selector);
        settlement.withdraw(1 ether, address(r));
    }

    /// @dev A payer who is also a contributor names himself: he never gets more back than the weighted part and his cap.
    function test_attack_a_payer_pays_himself() external {
        settle(adapter, 0, 100 ether, Steps.one(1, 65_535));
        checkpointAll();
        // 60 ether is the contributors', 70 % of it goes by weight, a quarter of that to one.
        vm.assertLe(honest.get(1), 3.5 ether + 10.5 ether);
    }

    receive() external payable {}
}
