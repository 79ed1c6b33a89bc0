// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Account, Accounts} from "../src/libraries/Accounts.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Events} from "../src/libraries/Events.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Batch} from "../src/Types.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {Vm, bound, vm} from "./support/Test.sol";

contract SettleTest is World {
    using TreeKit for Tree;

    function setUp() external {
        populate();
    }

    // ---- what a batch pays

    function test_private_batch_is_paid_by_static_units() external {
        settle(adapter, 0, 100 ether, "");
        checkpointAll();
        // contributors 50 % and, since the payer served himself, the host's 10 %
        vm.assertEq(honest.total(), 100 ether);
        uint256 first = claim(Keys.DATANET | 1);
        vm.assertEq(first, 60 ether * uint256(6_667) / 10_000);
        vm.assertEq(datanets.collect(1, 6), first * 60 / 210);
        vm.assertEq(settlement.balanceOf(person(6)), first * 60 / 210);
    }

    function test_auditable_batch_is_paid_by_weights_below_the_cap() external {
        settle(adapter, 2, 100 ether, Steps.two(1, 100, 3, 900));
        checkpointAll();
        // 50 ether, 70 % of it by weights, 25 % of that for one at most
        vm.assertEq(claim(1), 3.5 ether);
        vm.assertEq(claim(3), 8.75 ether);
        vm.assertEq(claim(2), 10 ether);
        vm.assertEq(person(2).balance, 10 ether);
        vm.assertEq(claim(2), 0);
    }

    function test_the_base_itself_can_be_paid_for() external {
        settle(base, 1, 10 ether, "");
        checkpointAll();
        // owner 15 %, base 10 %, and with no Datanets the contributors' 50 %
        vm.assertEq(claim(Keys.MODEL | base), 7.5 ether);
        vm.assertEq(OWNER.balance, 7.5 ether);
    }

    // ---- what is refused (B1, B2)

    function test_B1_a_batch_is_settled_once() external {
        vm.startPrank(PAYER);
        settlement.settle(adapter, 0, 1 ether, 0, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.WrongNonce.selector, 1));
        settlement.settle(adapter, 0, 1 ether, 0, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.WrongNonce.selector, 1));
        settlement.settle(adapter, 0, 1 ether, 2, 0, "");
        settlement.settle(adapter, 0, 1 ether, 1, 0, "");
    }

    function test_B2_unknown_models_hosts_and_contributors_are_refused() external {
        vm.startPrank(PAYER);
        vm.expectRevert(Errors.UnknownModel.selector);
        settlement.settle(0, 0, 1 ether, 0, 0, "");
        vm.expectRevert(Errors.UnknownModel.selector);
        settlement.settle(adapter + 1, 0, 1 ether, 0, 0, "");
        vm.expectRevert(Errors.UnknownContributor.selector);
        settlement.settle(adapter, PEOPLE + 1, 1 ether, 0, 0, "");
        bytes memory beyond = Steps.one(PEOPLE + 1, 5);
        vm.expectRevert(Errors.UnknownContributor.selector);
        settlement.settle(adapter, 0, 1 ether, 0, 0, beyond);
        // also by a skip with nothing behind it
        vm.expectRevert(Errors.UnknownContributor.selector);
        settlement.settle(adapter, 0, 1 ether, 0, 0, hex"00ffff");
        settlement.settle(adapter, PEOPLE, 1 ether, 0, 0, Steps.one(PEOPLE, 5));
    }

    function test_malformed_leaves_and_zero_amounts_are_refused() external {
        vm.startPrank(PAYER);
        vm.expectRevert(Errors.ZeroAmount.selector);
        settlement.settle(adapter, 0, 0, 0, 0, "");
        vm.expectRevert(Errors.MalformedLeaves.selector);
        settlement.settle(adapter, 0, 1 ether, 0, 0, hex"01");
        vm.expectRevert(Errors.MalformedLeaves.selector);
        settlement.settle(adapter, 0, 1 ether, 0, 0, hex"01000101");
        bytes memory long_ = new bytes(settlement.MAX_LEAVES() + 3);
        vm.expectRevert(Errors.MalformedLeaves.selector);
        settlement.settle(adapter, 0, 1 ether, 0, 0, long_);
        settlement.settle(adapter, 0, 1 ether, 0, 0, new bytes(settlement.MAX_LEAVES()));
    }

    function test_nobody_spends_more_than_he_has() external {
        vm.deal(person(1), 1 ether);
        vm.startPrank(person(1));
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 0));
        settlement.settle(adapter, 0, 1, 0, 0, "");
        settlement.deposit{value: 1 ether}();
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 1 ether));
        settlement.settle(adapter, 0, 1 ether + 1, 0, 0, "");
        settlement.settle(adapter, 0, 1 ether, 0, 0, "");
    }

    // ---- B4

    function test_B4_everyone_can_read_the_leaves_in_the_log() external {
        bytes memory leaves = Steps.two(1, 100, 3, 900);
        vm.recordLogs();
        settle(adapter, 0, 1 ether, leaves);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[0], Events.Settled.selector);
        (uint256 id, uint32 host, uint96 amount, uint32 nonce, bytes32 transcripts, bytes memory logged) =
            abi.decode(logs[0].data, (uint256, uint32, uint96, uint32, bytes32, bytes));
        Batch memory b = Batch(
            PAYER, uint40(block.timestamp), 1, uint32(uint256(logs[0].topics[2])), host, amount, transcripts, keccak256(logged)
        );
        // What the log and the block say is all that the running hash took up.
        vm.assertEq(settlement.chain(), keccak256(abi.encode(bytes32(0), keccak256(abi.encode(b)))));
        vm.assertEq(id, 1);
        vm.assertEq(nonce, 0);
        vm.assertEq(keccak256(logged), keccak256(leaves));
    }

    // ---- M3: locks

    function test_M3_an_auditable_batch_locks_its_penalty_for_the_audit() external {
        uint256 start = 1_000 * 8 days;
        vm.warp(start);
        (uint256 balance,,) = settlement.accountOf(PAYER);
        settle(adapter, 0, 10 ether, Steps.one(1, 1));
        (uint256 after_, uint256 free,) = settlement.accountOf(PAYER);
        vm.assertEq(after_, balance - 10 ether);
        vm.assertEq(free, after_ - 240 ether);
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, free));
        settlement.withdraw(free + 1, PAYER);
        vm.prank(PAYER);
        settlement.withdraw(free, PAYER);
        vm.warp(start + 16 days - 1);
        (, free,) = settlement.accountOf(PAYER);
        vm.assertEq(free, 0);
        vm.warp(start + 16 days);
        (, free,) = settlement.accountOf(PAYER);
        vm.assertEq(free, 240 ether);
    }

    function test_M3_a_batch_whose_penalty_is_not_there_is_refused() external {
        vm.deal(person(1), 240 ether);
        vm.startPrank(person(1));
        settlement.deposit{value: 240 ether}();
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 230 ether));
        settlement.settle(adapter, 0, 10 ether, 0, 0, Steps.one(1, 1));
        settlement.settle(adapter, 0, 9.6 ether, 0, 0, Steps.one(1, 1));
    }

    function testFuzz_accounts_pack_without_loss(uint96 b, uint56 n, uint56 o, uint16 e, uint32 c) external pure {
        Account memory a = Accounts.unpack(Accounts.pack(Account(b, n, o, e, c)));
        vm.assertEq(a.balance, b);
        vm.assertEq(a.lockedNow, n);
        vm.assertEq(a.lockedBefore, o);
        vm.assertEq(a.epoch, e);
        vm.assertEq(a.nonce, c);
    }

    // ---- money in and out (M2, M4)

    function test_deposit_and_withdraw() external {
        vm.deal(WATCHER, 3 ether);
        vm.startPrank(WATCHER);
        settlement.depositFor{value: 3 ether}(person(1));
        vm.expectRevert(Errors.ZeroAmount.selector);
        settlement.deposit{value: 0}();
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.credit(WATCHER, 1);
        vm.stopPrank();
        vm.startPrank(person(1));
        vm.expectRevert(Errors.ZeroAddress.selector);
        settlement.withdraw(1, address(0));
        settlement.withdraw(1 ether, WATCHER);
        settlement.move(person(1), person(2), 2 ether);
        vm.expectRevert(Errors.ZeroAddress.selector);
        settlement.move(person(1), address(0), 0);
        vm.stopPrank();
        vm.assertEq(WATCHER.balance, 1 ether);
        vm.assertEq(settlement.balanceOf(person(2)), 2 ether);
        vm.expectRevert(Errors.ZeroAddress.selector);
        settlement.depositFor{value: 1}(address(0));
    }

    function test_M4_nobody_moves_what_is_not_his() external {
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.move(PAYER, WATCHER, 1);
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.penalise(1, batches[1], 1, WATCHER);
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.admitModel();
    }

    function test_a_balance_cannot_overflow() external {
        vm.deal(WATCHER, 2 ** 100);
        vm.startPrank(WATCHER);
        settlement.deposit{value: 2 ** 96 - 1}();
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, bytes32("balance")));
        settlement.deposit{value: 1}();
        // the largest batch with its lock still fits
        settlement.settle(adapter, 0, type(uint96).max / 26, 0, 0, Steps.one(1, 1));
        (uint256 balance, uint256 free,) = settlement.accountOf(WATCHER);
        vm.assertLe(balance - free, balance);
    }

    // ---- people

    function test_an_id_moves_only_to_who_takes_it() external {
        vm.prank(person(2));
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.offer(1, person(2));
        vm.prank(person(1));
        settlement.offer(1, address(0xCC));
        vm.prank(person(2));
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.accept(1);
        settle(adapter, 0, 10 ether, Steps.one(1, 1));
        checkpointAll();
        vm.prank(address(0xCC));
        settlement.accept(1);
        claim(1);
        vm.assertEq(address(0xCC).balance, 1.05 ether);
        vm.prank(address(0xCC));
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.accept(1);
        vm.expectRevert(Errors.ZeroAddress.selector);
        settlement.register(address(0));
    }

    function test_a_delegate_signs_and_receives_nothing() external {
        vm.prank(person(1));
        settlement.delegate(1, WATCHER, true);
        vm.assertTrue(settlement.isDelegate(1, WATCHER));
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        settlement.delegate(1, WATCHER, true);
        vm.prank(person(1));
        settlement.delegate(1, WATCHER, false);
        vm.assertFalse(settlement.isDelegate(1, WATCHER));
    }

    function test_a_tab_over_several_models_is_one_transaction() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(settlement.settle, (adapter, 0, 1 ether, 0, "", ""));
        calls[1] = abi.encodeCall(settlement.settle, (base, 0, 1 ether, 1, "", ""));
        vm.prank(PAYER);
        settlement.multicall(calls);
        (uint256 count,,,) = settlement.progress();
        vm.assertEq(count, 2);
        vm.assertEq(settlement.people(), PEOPLE);
    }
}
