// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening, Record, Row, Shown} from "../src/audit/Convictions.sol";
import {Scores} from "../src/audit/Scores.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Steps} from "./support/Steps.sol";
import {Case} from "./support/Case.sol";
import {bound, vm} from "./support/Test.sol";

contract AuditTest is Case {
    function setUp() external {
        populateCase();
        vm.warp(1_000 * 8 days + 1 days);
    }

    function honestCase() internal returns (Drawn memory d) {
        return settleOpening(openingOf(honestEntries(), 0, honestList()), honestLeaves());
    }

    function convicted(uint256 before) internal view {
        // 24 times 10 ether, a tenth of it to the prover
        vm.assertEq(settlement.balanceOf(PAYER), before - 240 ether);
        vm.assertEq(settlement.balanceOf(WATCHER), 24 ether);
    }

    // ---- draws

    function test_A1_draws_follow_a_block_fixed_before_it_existed() external {
        Drawn memory d = honestCase();
        uint256 epoch = d.batch.time / 8 days;
        vm.expectRevert(Errors.TooEarly.selector);
        audit.close(epoch);
        vm.warp((epoch + 1) * 8 days);
        vm.expectRevert(Errors.TooEarly.selector);
        audit.seed(epoch);
        audit.close(epoch);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.close(epoch);
        vm.expectRevert(Errors.TooEarly.selector);
        audit.seed(epoch);
        vm.roll(block.number + 4 + 257);
        vm.expectRevert(Errors.TooEarly.selector); // the hash is forgotten
        audit.seed(epoch);
        audit.close(epoch);
        vm.roll(block.number + 5);
        audit.seed(epoch);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.seed(epoch);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.close(epoch);
        vm.warp((epoch + 1) * 8 days + 1 days);
        vm.expectRevert(Errors.NotPending.selector);
        audit.close(epoch);
    }

    function test_private_batches_are_never_drawn() external {
        uint256 id = settle(scored, 0, 1 ether, "");
        Drawn memory d = honestCase2();
        drawing(d, true);
        vm.assertFalse(audit.isDrawn(id, batches[id]));
    }

    function honestCase2() internal returns (Drawn memory d) {
        d.id = settleAs(PAYER, scored, 0, 10 ether, "t", honestLeaves());
        d.batch = batches[d.id];
    }

    // ---- reveal or lose

    function test_an_honest_payer_reveals_and_loses_nothing() external {
        Drawn memory d = honestCase();
        uint256 before = settlement.balanceOf(PAYER);
        revealed(d);
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.reveal(d.place, d.batch, d.opening, "");
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.forfeit(d.place, d.batch);
        for (uint256 i; i < 2; ++i) {
            Row memory r = rowAt(uint32(i));
            vm.expectRevert(Errors.ClaimIsCorrect.selector);
            audit.convictScore(d.place, d.batch, shown(d), i, r);
        }
        for (uint32 i; i < 3; ++i) {
            Row memory r = rowAt(i);
            vm.expectRevert(Errors.ClaimIsCorrect.selector);
            audit.convictOmission(d.place, d.batch, shown(d), r);
        }
        for (uint32 i; i < 5; ++i) {
            vm.expectRevert(Errors.ClaimIsCorrect.selector);
            audit.convictSum(d.place, d.batch, d.opening.lists, d.opening.record, d.leaves, i);
            vm.expectRevert(Errors.ClaimIsCorrect.selector);
            audit.convictStranger(d.place, d.batch, d.leaves, i);
        }
        vm.expectRevert(Errors.ClaimIsCorrect.selector);
        audit.convictList(d.place, d.batch, d.opening.lists, d.opening.record, 2, 1);
        vm.assertEq(settlement.balanceOf(PAYER), before);
    }

    function test_A2_who_is_drawn_and_shows_nothing_loses_his_deposit() external {
        Drawn memory d = honestCase();
        uint256 before = settlement.balanceOf(PAYER);
        drawing(d, true);
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.TooEarly.selector);
        audit.forfeit(d.place, d.batch);
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(Errors.NotPending.selector);
        audit.reveal(d.place, d.batch, d.opening, "");
        audit.forfeit(d.place, d.batch);
        convicted(before);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.forfeit(d.place, d.batch);
        vm.stopPrank();
        (uint256 balance, uint256 free,) = settlement.accountOf(PAYER);
        vm.assertEq(free, balance); // the lock went with the penalty
    }

    function test_who_is_not_drawn_need_not_reveal() external {
        Drawn memory d = honestCase();
        drawing(d, false);
        vm.expectRevert(Errors.NotDrawn.selector);
        audit.reveal(d.place, d.batch, d.opening, "");
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(Errors.NotDrawn.selector);
        audit.forfeit(d.place, d.batch);
    }

    function test_reveals_that_do_not_fit_are_refused() external {
        Drawn memory d = honestCase();
        drawing(d, true);
        for (uint256 i; i < 8; ++i) {
            Opening memory o = openingOf(honestEntries(), 0, honestList());
            if (i == 0) o.lists = bytes.concat(o.lists, hex"00");
            if (i == 1) o.count = 3;
            if (i == 2) o.record.salt = "x";
            if (i == 3) o.query = vector(3, 3);
            if (i == 4) o.entries = entry(1, 0, 5);
            if (i == 5) o.path = new bytes32[](2);
            if (i == 6) o.recordsRoot = "x";
            if (i == 7) o.count = 0;
            vm.expectRevert(Errors.WrongReveal.selector);
            audit.reveal(d.place, d.batch, o, "");
        }
        d.batch.amount += 1;
        vm.expectRevert(Errors.WrongBatch.selector);
        audit.reveal(d.place, d.batch, d.opening, "");
    }

    /// @dev Lists that do not follow from the entries, lists cut short, tokens that differ: nothing of it can be revealed.
    function test_a_record_whose_list_is_not_its_entries_cannot_be_revealed() external {
        Opening[4] memory wrong;
        wrong[0] = openingOf(honestEntries(), 0, Steps.two(1, 300, 3, 340));
        wrong[1] = openingOf(honestEntries(), 7, honestList());
        wrong[2] = openingOf(honestEntries(), 0, honestList());
        wrong[2].lists = bytes.concat(item(11, honestList()), item(11, honestList()));
        wrong[3] = openingOf(honestEntries(), 0, honestList());
        wrong[3].lists = bytes.concat(item(10, honestList()), item(10, honestList()), hex"00");
        for (uint256 i; i < 4; ++i) {
            vm.warp((1_001 + 3 * i) * 8 days);
            Drawn memory d = settleOpening(wrong[i], honestLeaves());
            drawing(d, true);
            vm.expectRevert(Errors.WrongReveal.selector);
            audit.reveal(d.place, d.batch, d.opening, "");
        }
    }

    // ---- faults

    function test_A3_a_wrong_score_is_convicted() external {
        bytes memory entries = bytes.concat(entry(1, 0, 7), entry(3, 1, 7));
        bytes memory list = Steps.two(1, 320, 3, 320);
        Drawn memory d = settleOpening(openingOf(entries, 0, list), leavesOfList(320, 320));
        uint256 before = settlement.balanceOf(PAYER);
        revealed(d);
        Row memory r = rowAt(0);
        vm.prank(WATCHER);
        audit.convictScore(d.place, d.batch, shown(d), 0, r);
        convicted(before);
    }

    function test_A3_a_row_credited_to_another_or_to_nobody_is_convicted() external {
        bytes[3] memory entries = [entry(4, 0, 5), entry(4, 3, 5), entry(4, 6, 5)];
        uint32[3] memory positions = [uint32(0), 3, 2];
        bytes memory list = Steps.one(4, 640);
        for (uint256 i; i < 3; ++i) {
            vm.warp((1_010 + 3 * i) * 8 days);
            Drawn memory d = settleOpening(openingOf(entries[i], 0, list), Steps.one(4, 65_535));
            revealed(d);
            Row memory r = rowAt(positions[i]);
            if (i == 2) r.position = 6; // beyond the index: two levels do not reach it
            uint256 before = settlement.balanceOf(PAYER);
            vm.prank(WATCHER);
            audit.convictScore(d.place, d.batch, shown(d), 0, r);
            vm.assertEq(settlement.balanceOf(PAYER), before - 240 ether);
        }
    }

    function test_A4_an_omitted_row_is_convicted() external {
        Drawn memory d = settleOpening(openingOf(entry(1, 0, 5), 0, Steps.one(1, 640)), Steps.one(1, 65_535));
        uint256 before = settlement.balanceOf(PAYER);
        revealed(d);
        Row memory r = rowAt(1);
        vm.prank(WATCHER);
        audit.convictOmission(d.place, d.batch, shown(d), r);
        convicted(before);
    }

    function test_A5_leaves_that_are_not_the_sum_of_the_lists_are_convicted() external {
        Drawn memory d = settleOpening(openingOf(honestEntries(), 0, honestList()), leavesOfList(600, 40));
        uint256 before = settlement.balanceOf(PAYER);
        revealed(d);
        vm.prank(WATCHER);
        audit.convictSum(d.place, d.batch, d.opening.lists, d.opening.record, d.leaves, 1);
        convicted(before);
    }

    function test_A5_a_list_heavier_than_its_record_is_convicted() external {
        Opening memory o = openingOf(honestEntries(), 0, honestList());
        o.lists = bytes.concat(item(10, honestList()), item(10, Steps.one(1, 641)));
        Drawn memory d = settleOpening(o, leavesOfList(435, 205));
        uint256 before = settlement.balanceOf(PAYER);
        vm.warp(block.timestamp);
        drawingRecord(d, 0);
        audit.reveal(d.place, d.batch, d.opening, "");
        vm.prank(WATCHER);
        audit.convictList(d.place, d.batch, d.opening.lists, d.opening.record, 2, 1);
        convicted(before);
    }

    /// @dev Draws the batch and the record wanted.
    function drawingRecord(Drawn memory d, uint256 record) internal {
        uint256 epoch = d.batch.time / 8 days;
        vm.warp((epoch + 1) * 8 days);
        audit.close(epoch);
        (uint64 beacon,,) = audit.draws(epoch);
        vm.roll(beacon + 1);
        for (uint256 i;; ++i) {
            bytes32 h = keccak256(abi.encode("beacon", i));
            bytes32 seed = keccak256(abi.encode(h, epoch));
            if (uint256(keccak256(abi.encode(seed, d.id))) % 10_000 >= 200) continue;
            if (uint256(keccak256(abi.encode(seed, d.id, "record"))) % 2 != record) continue;
            vm.setBlockhash(beacon, h);
            break;
        }
        audit.seed(epoch);
    }

    function test_A6_paying_a_stranger_is_convicted_without_a_draw() external {
        uint32 stranger = settlement.register(person(9));
        bytes memory leaves = Steps.two(1, 10, stranger, 65_000);
        Drawn memory d = settleOpening(openingOf(honestEntries(), 0, honestList()), leaves);
        uint256 before = settlement.balanceOf(PAYER);
        // Units that come after the batch do not help.
        vm.warp(block.timestamp + 1);
        (uint32[] memory who, uint64[] memory units) = (new uint32[](1), new uint64[](1));
        (who[0], units[0]) = (stranger, 5);
        vm.prank(CURATOR);
        datanets.grant(1, who, units);
        vm.prank(WATCHER);
        audit.convictStranger(d.place, d.batch, leaves, stranger);
        convicted(before);
        vm.expectRevert(Errors.WrongLeaves.selector);
        audit.convictStranger(d.place, d.batch, honestLeaves(), stranger);
    }

    function test_A7_after_the_lock_nothing_can_be_convicted() external {
        uint32 stranger = settlement.register(person(9));
        Drawn memory d = settleOpening(openingOf(honestEntries(), 0, honestList()), Steps.one(stranger, 1));
        vm.warp((d.batch.time / 8 days + 2) * 8 days);
        vm.expectRevert(Errors.NotPending.selector);
        audit.convictStranger(d.place, d.batch, d.leaves, stranger);
    }

    function test_convictions_need_what_was_revealed() external {
        Drawn memory d = honestCase();
        revealed(d);
        Row memory r = rowAt(0);
        Shown memory s = shown(d);
        s.entries = entry(1, 0, 5);
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.convictScore(d.place, d.batch, s, 0, r);
        s = shown(d);
        s.lists = "x";
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.convictScore(d.place, d.batch, s, 0, r);
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.convictSum(d.place, d.batch, hex"00", d.opening.record, d.leaves, 1);
        vm.expectRevert(Errors.WrongLeaves.selector);
        audit.convictSum(d.place, d.batch, d.opening.lists, d.opening.record, hex"010001", 1);
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.convictList(d.place, d.batch, d.opening.lists, d.opening.record, 2, 2);
        r.path[0] = "x";
        vm.expectRevert(Errors.WrongPath.selector);
        audit.convictScore(d.place, d.batch, shown(d), 0, r);
        vm.expectRevert(Errors.WrongPath.selector);
        audit.convictOmission(d.place, d.batch, shown(d), r);
        r = rowAt(1);
        vm.expectRevert(Errors.WrongPath.selector);
        audit.convictScore(d.place, d.batch, shown(d), 0, r); // another row than the entry's
        r.row = new bytes(64);
        vm.expectRevert(Errors.WrongPath.selector);
        audit.convictOmission(d.place, d.batch, shown(d), r);
    }

    function test_a_score_can_be_checked_by_anyone() external {
        vm.assertEq(uint256(audit.checkScore(scored, query, rowAt(1))), 9);
        vm.assertTrue(audit.checkScore(scored, query, rowAt(2)) == -3);
        Row memory r = rowAt(1);
        r.contributor = 2;
        vm.expectRevert(Errors.WrongPath.selector);
        audit.checkScore(scored, query, r);
        r = rowAt(1);
        r.position = 5;
        vm.expectRevert(Errors.WrongPath.selector);
        audit.checkScore(scored, query, r);
        vm.expectRevert(Errors.WrongPath.selector);
        audit.checkScore(scored, new bytes(64), rowAt(1));
        r.row = hex"01";
        vm.expectRevert(Errors.WrongPath.selector);
        audit.checkScore(scored, hex"01", r);
    }

    function dot(bytes calldata a, bytes calldata b) external pure returns (int256) {
        return Scores.dot(a, b);
    }

    function testFuzz_a_score_is_the_int8_dot_product(bytes32[8] memory a, bytes32[8] memory b) external view {
        bytes memory x = abi.encode(a);
        bytes memory y = abi.encode(b);
        int256 sum;
        for (uint256 i; i < 256; ++i) sum += int256(int8(uint8(x[i]))) * int8(uint8(y[i]));
        vm.assertTrue(this.dot(x, y) == sum);
    }

    function weighs(bytes calldata entries, uint256 unattributed, uint256 tokens, bytes calldata list)
        external
        pure
        returns (bool)
    {
        return Scores.weighs(entries, unattributed, tokens, list);
    }

    function test_weights_follow_from_entries_in_one_way() external view {
        bytes memory e = honestEntries();
        vm.assertTrue(this.weighs(e, 0, 10, honestList()));
        vm.assertTrue(this.weighs(e, 14, 10, Steps.pack3(320, 114, 205)));
        vm.assertFalse(this.weighs(e, 14, 10, honestList()));
        vm.assertTrue(this.weighs("", 0, 10, ""));
        vm.assertTrue(this.weighs("", 5, 10, Steps.one(0, 640)));
        vm.assertTrue(this.weighs(entry(1, 0, 1), 0, 5_000, Steps.one(1, 65_472))); // long records are cut
        vm.assertFalse(this.weighs(bytes.concat(entry(3, 1, 9), entry(1, 0, 5)), 0, 10, honestList()));
        vm.assertFalse(this.weighs(bytes.concat(entry(1, 0, 5), entry(1, 0, 5)), 0, 10, Steps.one(1, 640)));
        vm.assertFalse(this.weighs(entry(0, 0, 5), 0, 10, Steps.one(0, 640)));
        vm.assertFalse(this.weighs(entry(1, 0, 0), 0, 10, ""));
        vm.assertFalse(this.weighs(hex"00", 0, 10, ""));
        vm.assertFalse(this.weighs(new bytes(12 * 33), 0, 10, ""));
        vm.assertFalse(this.weighs(entry(1, 0, 1), 0, 10, Steps.two(1, 640, 2, 1)));
        // two rows of one contributor add up
        vm.assertTrue(this.weighs(bytes.concat(entry(1, 0, 5), entry(1, 2, 5)), 0, 10, Steps.one(1, 640)));
    }
}
